-- What an Idempotency-Key's request has led to, written together with it: a repeat after a crash or a timeout goes on there.
alter table idempotency_keys
  -- the request that works on it now; null when its process gave up after something was accepted
  add column claim uuid default gen_random_uuid(),
  add column operation_id bigint;
