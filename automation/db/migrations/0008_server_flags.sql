-- Switches of the whole platform, such as reconciles.paused. Absent is off.
create table server_flags (
  name text primary key,
  set_at timestamptz not null default now()
);
