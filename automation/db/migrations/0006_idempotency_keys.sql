-- Idempotency-Key of POST requests: the first answer is kept and repeated.
create table idempotency_keys (
  identity text not null,
  key text not null,
  request_hash bytea not null,
  -- null while the first request is still running
  status integer,
  headers jsonb,
  body jsonb,
  created_at timestamptz not null default now(),
  primary key (identity, key)
);

create index idempotency_keys_age on idempotency_keys (created_at);
