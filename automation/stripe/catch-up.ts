import type { Stripe } from "stripe";
import type { StripeDeps } from "./deps.ts";
import { HANDLED_TYPES, StripeEvent, subjectOf } from "./event.ts";
import { knownEvents, storeEvent, waitingEvents } from "./inbox.ts";
import { subscriptionsWithTasks } from "./operator-task.ts";
import { synchronise } from "./synchronise.ts";

const CURSOR = "select caught_up_to as at from stripe_catch_up";
const MOVE = `
  insert into stripe_catch_up (caught_up_to) values ($1)
  on conflict (only_row) do update set caught_up_to = greatest(stripe_catch_up.caught_up_to, excluded.caught_up_to)`;
// Those without a tenant, too: a trial or a bank debit that waits for its first payment may have been paid since.
const SUBSCRIPTIONS = `
  select id from (
    select subscription_id as id from tenant_deployments
    where subscription_id is not null and state <> 'deleted' and wanted <> 'deleted'
    union select id from stripe_subscriptions where status not in ('canceled', 'incomplete_expired')
  ) known where id > $1 order by id limit 500`;

const MINUTE = 60_000;
/** Events may show up in Stripe's list a little later than their time says. */
const OVERLAP_MS = 10 * MINUTE;
/** Where nothing was ever caught up with, the server is new: what came before it is not its business. */
const FIRST_LOOK_BACK_MS = 60 * MINUTE;
/** Stripe lists events of 30 days only; after a longer pause all subscriptions are read instead. */
const LISTED_MS = 29 * 24 * 60 * MINUTE;
/** An event that was not handled by then has lost its job, or used up its retries. */
const OVERDUE_SECONDS = 600;
const AT_ONCE = 100;

export interface CaughtUp {
  /** Events that Stripe has and the inbox had not. */
  readonly missed: number;
  /** Events that were stored, but not handled in time, and are queued again. */
  readonly requeued: number;
  /** Subscriptions that wait for an operator and were read again, or all when the pause was too long for the list. */
  readonly reread: number;
}

/**
 * Heals what the webhook missed: compares Stripe's recent events with the inbox, queues what is missing or overdue, and
 * looks again at subscriptions that wait for an operator. Scheduled; safe at any time and at once on several workers.
 */
export async function catchUp(deps: StripeDeps): Promise<CaughtUp> {
  const now = deps.now();
  const cursor = (await deps.database.query<{ at: Date }>(CURSOR)).rows[0]?.at;
  const from = cursor ?? new Date(now.getTime() - FIRST_LOOK_BACK_MS);
  const tooLong = from.getTime() < now.getTime() - LISTED_MS;
  const { missed, newest } = await compareEvents(new Date(from.getTime() - OVERLAP_MS), deps);
  const requeued = await requeueOverdue(deps);
  const reread =
    (await readAgain(await subscriptionsWithTasks(deps.database, AT_ONCE), deps)) +
    (tooLong ? await rereadAll(from, deps) : 0);
  await deps.database.query(MOVE, [newest ?? (tooLong || cursor === undefined ? now : from)]);
  return { missed, requeued, reread };
}

/** Page by page, newest first as Stripe lists; the cursor moves only when all of them are stored. */
async function compareEvents(since: Date, deps: StripeDeps): Promise<{ missed: number; newest: Date | undefined }> {
  let missed = 0;
  let newest: Date | undefined;
  let after: string | undefined;
  for (;;) {
    const page = await deps.stripe.events.list({
      types: [...HANDLED_TYPES],
      created: { gte: Math.floor(since.getTime() / 1000) },
      limit: 100,
      ...(after === undefined ? {} : { starting_after: after }),
    });
    newest ??= page.data[0] === undefined ? undefined : new Date(page.data[0].created * 1000);
    missed += await storeMissing(page.data, deps);
    after = page.data.at(-1)?.id;
    if (!page.has_more || after === undefined) return { missed, newest };
  }
}

async function storeMissing(
  events: readonly Stripe.Event[],
  { database, queue, settings, log }: StripeDeps,
): Promise<number> {
  const known = await knownEvents(
    database,
    events.map(({ id }) => id),
  );
  let stored = 0;
  for (const raw of events.filter(({ id }) => !known.has(id))) {
    const read = StripeEvent.safeParse(raw);
    if (!read.success) {
      log?.(`event ${raw.id} of Stripe's list cannot be read: ${read.error.message}`, { eventId: raw.id });
      continue;
    }
    const event = read.data;
    const subject = subjectOf(event, settings.livemode);
    const isNew = await database.transaction(async (tx) => {
      const fresh = await storeEvent(tx, event, JSON.stringify(raw), subject);
      if (fresh && subject.kind === "subscription") await queue.enqueueStripeEvent(tx, event.id);
      return fresh;
    });
    if (!isNew) continue;
    stored += 1;
    log?.(`the webhook had missed ${event.type} ${event.id}`, { eventId: event.id });
  }
  return stored;
}

/** Not those that still have a job, such as all of them while Stripe is away: the job's own tries go on. */
async function requeueOverdue({ database, queue }: StripeDeps): Promise<number> {
  const overdue = await waitingEvents(database, OVERDUE_SECONDS, await queue.stripeEventsAtWork(), AT_ONCE);
  for (const id of overdue) await database.transaction((tx) => queue.enqueueStripeEvent(tx, id));
  return overdue.length;
}

/** Every subscription that has a tenant, or may come to have one, and every one made since, whatever events there were. */
async function rereadAll(since: Date, deps: StripeDeps): Promise<number> {
  let count = 0;
  for (let after = ""; ;) {
    const { rows } = await deps.database.query<{ id: string }>(SUBSCRIPTIONS, [after]);
    count += await readAgain(
      rows.map(({ id }) => id),
      deps,
    );
    after = rows.at(-1)?.id ?? "";
    if (rows.length === 0) break;
  }
  const made = { created: { gte: Math.floor(since.getTime() / 1000) }, status: "all", limit: 100 } as const;
  for await (const subscription of deps.stripe.subscriptions.list(made))
    count += await readAgain([subscription.id], deps);
  return count;
}

/** One that fails does not keep the others waiting. */
async function readAgain(ids: readonly string[], deps: StripeDeps): Promise<number> {
  for (const id of ids) {
    await synchronise(id, { name: "schedule" }, deps).catch((error: unknown) => {
      deps.log?.(`subscription ${id} could not be read again: ${(error as Error).message}`, { subscriptionId: id });
    });
  }
  return ids.length;
}
