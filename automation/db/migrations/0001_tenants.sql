-- What a tenant should be (wanted) and was last seen to be (state). The column names of the first block are the first
-- users' and fixed.
create table tenant_deployments (
  id bigint generated always as identity primary key,
  subscription_id text,
  container_id integer not null,
  subdomain text not null,
  plan_type text not null,
  tunnel_id text,
  tunnel_url text,
  tunnel_active boolean not null default false,
  direct_url text,

  local_port integer,
  customer_id text,
  customer_email text not null,
  client_reference_id text,
  -- companyName, language, country, customDomains, secretGeneration: components/settings/tenant-settings.ts
  settings jsonb not null default '{}',

  -- The wish. Every change of it, or of anything the stack is made from, raises the generation; the tenant is
  -- converged when observed_generation has caught up.
  wanted text not null default 'active' check (wanted in ('active', 'suspended', 'deleted')),
  wanted_reason text,
  generation bigint not null default 1,
  observed_generation bigint not null default 0,
  state text not null default 'pending'
    check (state in ('pending', 'provisioning', 'active', 'suspending', 'suspended', 'deleting', 'deleted', 'failed', 'stalled')),
  -- Why it is failed or stalled (a key of automation/tenants/reasons.ts), and what the operator reads.
  state_reason text,
  state_detail text,
  -- Every derived name was seen to be free, or ours, before the first run: what bears one now is ours.
  claimed boolean not null default false,
  -- Failures in a row, and when the next try is due; null for at once.
  attempts integer not null default 0,
  retry_at timestamptz,
  -- An operator's hand brake: reconciles are parked while set.
  paused boolean not null default false,
  -- Clocks of the life cycle; null when not running.
  grace_until timestamptz,
  delete_after timestamptz,

  -- Fenced lease: whoever raised lease_token may write, as long as the number is still theirs.
  lease_token bigint not null default 0,
  lease_owner text,
  lease_until timestamptz,

  -- Newest fact of Stripe that was applied, so that late news is recognised.
  stripe_synced_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  ready_at timestamptz,
  deleted_at timestamptz
);

create unique index tenant_deployments_subdomain on tenant_deployments (subdomain) where state <> 'deleted';
create unique index tenant_deployments_subscription on tenant_deployments (subscription_id) where state <> 'deleted';
create index tenant_deployments_unconverged on tenant_deployments (updated_at) where observed_generation < generation;
create index tenant_deployments_container on tenant_deployments (container_id) where state <> 'deleted';
