-- What needs a human: a paid checkout whose subdomain is taken, a plan without room. Shown until resolved.
create table operator_tasks (
  id bigint generated always as identity primary key,
  kind text not null,
  subscription_id text,
  tenant_id bigint references tenant_deployments,
  detail text not null,
  remedy text not null,
  created_at timestamptz not null default now(),
  resolved_at timestamptz,
  resolved_by text
);

create unique index operator_tasks_open on operator_tasks (kind, subscription_id) where resolved_at is null;
