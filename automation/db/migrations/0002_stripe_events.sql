-- The inbox: a verified event is stored here and queued in one transaction. The id is Stripe's, so a repeat changes nothing.
create table stripe_events (
  id text primary key,
  type text not null,
  api_version text,
  livemode boolean not null,
  created_at timestamptz not null,
  received_at timestamptz not null default now(),
  subscription_id text,
  body jsonb not null,
  -- null until handled; then what came of it: applied, ignored (with the reason in detail), or task (an operator's turn).
  outcome text check (outcome in ('applied', 'ignored', 'task')),
  detail text,
  tenant_id bigint references tenant_deployments,
  handled_at timestamptz
);

create index stripe_events_received on stripe_events (received_at);
create index stripe_events_subscription on stripe_events (subscription_id, created_at);
create index stripe_events_unhandled on stripe_events (received_at) where handled_at is null;
