import type { Queryable, Transaction } from "../db/database.ts";
import { storedJson } from "../db/stored-text.ts";
import { currentTraceparent } from "../telemetry/spans.ts";
import type { StripeEvent, Subject } from "./event.ts";

/** What came of an event or of any other reading of a subscription. */
export interface Outcome {
  /** `task`: it is an operator's turn. */
  readonly outcome: "applied" | "ignored" | "task";
  /** For people. */
  readonly detail: string;
  readonly tenantId: number | null;
}

export interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly subscriptionId: string | null;
  readonly handled: boolean;
  readonly receivedAt: Date;
  /** Of the webhook that brought it. */
  readonly traceparent: string | null;
}

const STORE = `
  insert into stripe_events (id, type, api_version, livemode, created_at, subscription_id, body, outcome, detail, handled_at,
    traceparent)
  values ($1, $2, $3, $4, to_timestamp($5), $6, $7, $8, $9, case when $8::text is null then null else now() end, $10)
  on conflict (id) do nothing -- delivered at least once: the second time changes nothing
  returning id`;

/** Stores an event that was verified. False when it is there already. Without a subject it is stored as ignored. */
export async function storeEvent(
  tx: Transaction,
  event: StripeEvent,
  body: string,
  subject: Subject,
): Promise<boolean> {
  const ignored = subject.kind === "none";
  const { rowCount } = await tx.query(STORE, [
    event.id,
    event.type,
    event.api_version ?? null,
    event.livemode,
    event.created,
    ignored ? null : subject.id,
    storedBody(body),
    ignored ? "ignored" : null,
    ignored ? subject.because : null,
    currentTraceparent(),
  ]);
  return rowCount > 0;
}

/** An event must not bounce for days because a customer's name holds what the database does not. */
function storedBody(body: string): string {
  return /\\u(0000|d[89a-f])/i.test(body) ? storedJson(JSON.parse(body)) : body;
}

const FIND = `
  select id, type, subscription_id as "subscriptionId", handled_at is not null as handled, received_at as "receivedAt",
    traceparent
  from stripe_events where id = $1`;

export async function findEvent(db: Queryable, id: string): Promise<StoredEvent | undefined> {
  return (await db.query<StoredEvent & { [column: string]: unknown }>(FIND, [id])).rows[0];
}

const SETTLE = `
  update stripe_events set outcome = $2, detail = $3, tenant_id = $4, handled_at = now()
  where subscription_id = $1 and handled_at is null and received_at <= $5`;

/**
 * Marks what a reading of a subscription has answered: all its events that had arrived before the reading began, since
 * a later reading of Stripe knows everything that they could tell.
 */
export async function settleEvents(
  tx: Transaction,
  subscriptionId: string,
  readAt: Date,
  { outcome, detail, tenantId }: Outcome,
): Promise<void> {
  await tx.query(SETTLE, [subscriptionId, outcome, detail, tenantId, readAt]);
}

const REOPEN = `
  update stripe_events set outcome = null, detail = null, handled_at = null where id = $1 and subscription_id is not null`;

/** For an operator who wants an event handled again: its job would find it settled otherwise. False when it has no subject. */
export async function reopenEvent(tx: Transaction, id: string): Promise<boolean> {
  return (await tx.query(REOPEN, [id])).rowCount > 0;
}

const KNOWN = "select id from stripe_events where id = any($1)";

export async function knownEvents(db: Queryable, ids: readonly string[]): Promise<ReadonlySet<string>> {
  return new Set((await db.query<{ id: string }>(KNOWN, [ids])).rows.map(({ id }) => id));
}

const WAITING = `
  select id from stripe_events where handled_at is null and received_at < now() - make_interval(secs => $1)
    and id <> all($2)
  order by received_at limit $3`;

/** Events that should have been handled by now, but those with a job. The oldest first. */
export async function waitingEvents(
  db: Queryable,
  olderThanSeconds: number,
  withJob: readonly string[],
  limit: number,
): Promise<readonly string[]> {
  return (await db.query<{ id: string }>(WAITING, [olderThanSeconds, withJob, limit])).rows.map(({ id }) => id);
}
