-- When each subscription was last read from Stripe. A reading that began earlier and arrives later is recognised by it,
-- also for subscriptions that have no tenant (yet).
create table stripe_subscriptions (
  id text primary key,
  status text not null,
  read_at timestamptz not null
);

-- Up to when Stripe's list of events has been compared with the inbox. One row.
create table stripe_catch_up (
  only_row boolean primary key default true check (only_row),
  caught_up_to timestamptz not null
);
