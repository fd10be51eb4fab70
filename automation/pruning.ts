import type { Database, Queryable } from "./db/database.ts";
import { pruneHistory } from "./engine/state-history.ts";

/** How long what has happened is kept. */
export interface Kept {
  /** Updates in each stack's history. */
  readonly historyPerStack: number;
  /** Finished operations, with their events. */
  readonly operationDays: number;
  /** Stripe's events that were handled. */
  readonly stripeEventDays: number;
}

export interface Pruned {
  readonly history: number;
  readonly operations: number;
  readonly stripeEvents: number;
}

/** Of each tenant and tunnel, however old: what became of it, and what a run must know of the one before (lease.ts). */
const LAST_OPERATIONS = 10;
const AT_ONCE = 1_000;

const OPERATIONS = `
  delete from operations where id in (
    select id from operations o
    where finished_at < now() - make_interval(days => $1) and id < (
      select id from operations p
      where p.tenant_id = o.tenant_id or p.standalone_tunnel_id = o.standalone_tunnel_id
      order by id desc offset ${LAST_OPERATIONS - 1} limit 1)
    limit $2 for update skip locked)`;

// An event that was not handled stays until it is.
const STRIPE_EVENTS = `
  delete from stripe_events where id in (
    select id from stripe_events where handled_at is not null and received_at < now() - make_interval(days => $1)
    limit $2 for update skip locked)`;

/**
 * Removes what is older than it is kept, so that the next tenant costs as much as the first. Scheduled; safe at any time,
 * and at once on several workers. The audit log is not touched.
 */
export async function prune(db: Database, backendUrl: string, kept: Kept, atOnce = AT_ONCE): Promise<Pruned> {
  return {
    operations: await inBatches(db, OPERATIONS, kept.operationDays, atOnce),
    stripeEvents: await inBatches(db, STRIPE_EVENTS, kept.stripeEventDays, atOnce),
    history: await pruneHistory(backendUrl, kept.historyPerStack, atOnce),
  };
}

async function inBatches(db: Queryable, text: string, days: number, atOnce: number): Promise<number> {
  let pruned = 0;
  for (let removed = atOnce; removed === atOnce; pruned += removed)
    removed = (await db.query(text, [days, atOnce])).rowCount;
  return pruned;
}
