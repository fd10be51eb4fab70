-- Cloudflare limits the calls of its API over all processes together, so they are counted here.
-- One row for an account: its lock is what makes reservations take turns.
create table cloudflare_accounts (
  account text primary key,
  -- Cloudflare answers 429 to every call until then.
  paused_until timestamptz
);

-- One row for each call, or for all calls of a run; it counts until they are older than Cloudflare's window.
create table cloudflare_calls (
  id bigint generated always as identity primary key,
  account text not null references cloudflare_accounts,
  -- provision, update, suspend, resume, delete, preview, look
  purpose text not null,
  calls integer not null check (calls >= 0),
  counts_until timestamptz not null
);
create index cloudflare_calls_counting on cloudflare_calls (account, counts_until);
