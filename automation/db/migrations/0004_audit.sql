-- Who did what to whom. Append-only and chained: hash = sha256(previous_hash || canonical JSON of the line), so that a
-- missing or changed line shows (automation/audit).
create table audit_log (
  id bigint primary key,
  at timestamptz not null,
  actor text not null,
  -- Address the request came from; null for schedules and workers.
  source text,
  request_id text,
  action text not null,
  subject_type text not null,
  subject_id text not null,
  before jsonb,
  after jsonb,
  previous_hash bytea not null,
  hash bytea not null
);

create index audit_log_subject on audit_log (subject_type, subject_id, id desc);

create function audit_log_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'audit_log is append-only';
end $$;

create trigger audit_log_no_change before update or delete on audit_log
  for each row execute function audit_log_is_append_only();
create trigger audit_log_no_truncate before truncate on audit_log
  for each statement execute function audit_log_is_append_only();
