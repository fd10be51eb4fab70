-- A switch may go off by itself: whoever holds it has to renew it, so one that died holds nothing up. Null: it stays.
alter table server_flags add column ends_at timestamptz;
