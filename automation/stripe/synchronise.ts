import type { Actor } from "../tenants/tenants.ts";
import { beginTenant } from "./begin-tenant.ts";
import { changeTenant, tenantOf } from "./change-tenant.ts";
import { decide } from "./decide.ts";
import type { Application, StripeDeps } from "./deps.ts";
import { settleEvents, type Outcome } from "./inbox.ts";
import { openTask, type OperatorTask } from "./operator-task.ts";
import { planOf } from "./plan.ts";
import { readFromStripe, readOrigin, type PaidOrigin, type Reading } from "./reading.ts";

// The lock's number is any that no other advisory lock here uses.
const LOCK = "select pg_advisory_xact_lock(6014, hashtext($1))";
/** The database's clock, since several machines read. */
const NOW = "select clock_timestamp() as now";
const NEWER = "select 1 from stripe_subscriptions where id = $1 and read_at > $2";
const REMEMBER = `
  insert into stripe_subscriptions (id, status, read_at) values ($1, $2, $3)
  on conflict (id) do update set status = excluded.status, read_at = excluded.read_at`;

/**
 * Brings a tenant's row to what its subscription says in Stripe now, and settles all stored events of the subscription
 * that came before. May be called at any time, from anywhere, twice and at once: the row depends only on Stripe's
 * objects, the clock and the policy. Throws when Stripe or the database cannot be reached; nothing is changed then.
 */
export async function synchronise(subscriptionId: string, by: Actor, deps: StripeDeps): Promise<Outcome> {
  const readAt = (await deps.database.query<{ now: Date }>(NOW)).rows[0]?.now ?? new Date();
  const reading = await readFromStripe(deps, subscriptionId);
  const known = await tenantOf(deps.database, subscriptionId);
  const origin = needsOrigin(reading, known !== undefined, deps)
    ? await readOrigin(deps, reading.subscription)
    : undefined;
  const outcome = await deps.database.transaction(async (tx) => {
    await tx.query(LOCK, [subscriptionId]);
    const result = await apply({ tx, subscriptionId, readAt, by, deps }, reading, origin);
    await settleEvents(tx, subscriptionId, readAt, result);
    return result;
  });
  deps.log?.(`subscription ${subscriptionId}: ${outcome.outcome}, ${outcome.detail}`, {
    subscriptionId,
    tenantId: outcome.tenantId,
  });
  return outcome;
}

/** The checkout is read where it may still say something: for a new tenant, and where the price alone names no plan. */
function needsOrigin(
  reading: Reading,
  known: boolean,
  deps: StripeDeps,
): reading is Extract<Reading, { kind: "read" }> {
  return reading.kind === "read" && (!known || planOf(reading.subscription, null, deps.settings.prices) === undefined);
}

async function apply(application: Application, reading: Reading, origin: PaidOrigin | undefined): Promise<Outcome> {
  const { tx, subscriptionId: id, readAt, by, deps } = application;
  const tenant = await tenantOf(tx, id, true);
  const tenantId = tenant?.id ?? null;
  if ((await tx.query(NEWER, [id, readAt])).rowCount > 0) {
    return { outcome: "applied", detail: "a newer reading of the subscription had been applied already", tenantId };
  }
  await tx.query(REMEMBER, [id, reading.kind === "read" ? reading.subscription.billing.status : reading.kind, readAt]);

  if (reading.kind !== "read") {
    const task = problemOf(id, reading);
    await openTask(tx, id, tenantId, task, by);
    return { outcome: "task", detail: task.detail, tenantId };
  }
  const { subscription } = reading;
  const decision = decide(subscription.billing, deps.now(), deps.settings.policy);
  if (tenant !== undefined) return await changeTenant(application, tenant, subscription, origin?.session, decision);
  if (origin === undefined) throw new Error(`the tenant of subscription ${id} is gone from the database`); // rows are never removed
  return await beginTenant(application, origin, decision);
}

function problemOf(id: string, reading: Exclude<Reading, { kind: "read" }>): OperatorTask {
  if (reading.kind === "unreadable")
    return { kind: "subscription-unreadable", detail: reading.error.message, remedy: reading.error.remedy };
  return {
    kind: "subscription-missing",
    detail: `Stripe does not know the subscription ${id}.`,
    remedy:
      "Check that the server's key and the webhook belong to the same Stripe account and mode. The tenant, if any, stays as it is.",
  };
}
