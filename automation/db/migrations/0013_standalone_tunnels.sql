-- Tunnels to containers that are no tenants: what each should be (wanted) and was last seen to be (state). The columns of
-- wish, state and lease are those of tenant_deployments, with the same meaning: one reconcile works on both.
create table standalone_tunnels (
  id bigint generated always as identity primary key,
  subscription_id text not null,
  container_id integer not null,
  local_port integer not null,
  -- First label of the host name; tenants' subdomains and these are one set of names.
  label text not null,
  tunnel_id text,
  tunnel_url text,
  tunnel_active boolean not null default false,
  direct_url text,
  -- secretGeneration: components/settings/tunnel-settings.ts
  settings jsonb not null default '{}',
  applied_secrets jsonb not null default '{"tunnel": 1, "postgresRole": 1}',

  wanted text not null default 'active' check (wanted in ('active', 'deleted')),
  generation bigint not null default 1,
  observed_generation bigint not null default 0,
  state text not null default 'pending'
    check (state in ('pending', 'provisioning', 'active', 'deleting', 'deleted', 'failed', 'stalled')),
  state_reason text,
  state_detail text,
  claimed boolean not null default false,
  attempts integer not null default 0,
  retry_at timestamptz,
  paused boolean not null default false,

  lease_token bigint not null default 0,
  lease_owner text,
  lease_until timestamptz,

  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  ready_at timestamptz,
  deleted_at timestamptz
);

create unique index standalone_tunnels_label on standalone_tunnels (label) where state <> 'deleted';
create unique index standalone_tunnels_subscription on standalone_tunnels (subscription_id) where state <> 'deleted';
create index standalone_tunnels_unconverged on standalone_tunnels (updated_at) where observed_generation < generation;

-- An operation is of a tenant or of such a tunnel.
alter table operations alter column tenant_id drop not null;
alter table operations add column standalone_tunnel_id bigint references standalone_tunnels;
alter table operations add constraint operations_of_one check (num_nonnulls(tenant_id, standalone_tunnel_id) = 1);
create index operations_standalone_tunnel on operations (standalone_tunnel_id, id desc) where standalone_tunnel_id is not null;
