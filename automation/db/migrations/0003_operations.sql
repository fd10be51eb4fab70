-- One row for each run of the engine (or of a step around it) for a tenant.
create table operations (
  id bigint generated always as identity primary key,
  tenant_id bigint not null references tenant_deployments,
  kind text not null check (kind in ('provision', 'update', 'suspend', 'resume', 'delete', 'preview', 'repair', 'restart')),
  -- The generation of the wish it works for.
  generation bigint not null,
  status text not null default 'queued' check (status in ('queued', 'running', 'succeeded', 'failed', 'stalled', 'superseded')),
  requested_by text not null,
  request_id text,
  lease_token bigint,
  worker text,
  queued_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  -- {create, update, delete, replace, same}: counts by the engine's step
  changes jsonb,
  -- [{urn, type, op, diff?, seconds?}]
  resources jsonb,
  -- [{severity, urn?, message}], redacted
  diagnostics jsonb,
  -- {claimMs, engineMs, probeMs, ...}
  timings jsonb,
  error text
);

create index operations_tenant on operations (tenant_id, id desc);
create index operations_running on operations (started_at) where status = 'running';

-- What the engine says while it runs, for live views; pruned with the operation.
create table operation_events (
  operation_id bigint not null references operations on delete cascade,
  sequence integer not null,
  at timestamptz not null default now(),
  kind text not null,
  body jsonb not null,
  primary key (operation_id, sequence)
);

-- Live views and waiting requests listen instead of polling.
create function operation_changed() returns trigger language plpgsql as $$
begin
  perform pg_notify('odoosaas_operations', case tg_table_name when 'operations' then to_jsonb(new)->>'id' else to_jsonb(new)->>'operation_id' end);
  return null;
end $$;

create trigger operations_changed after insert or update of status on operations
  for each row execute function operation_changed();
create trigger operation_events_changed after insert on operation_events
  for each row execute function operation_changed();
