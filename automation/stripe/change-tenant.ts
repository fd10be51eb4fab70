import type { Queryable } from "../db/database.ts";
import { Priority } from "../queue/queue.ts";
import { UnknownPlan } from "../tenants/errors.ts";
import type { TenantState, WantedState } from "../tenants/tenant.ts";
import type { WishChange } from "../tenants/tenants.ts";
import type { Decision } from "./decide.ts";
import type { Application } from "./deps.ts";
import type { Outcome } from "./inbox.ts";
import { openTask, resolveTasks, type OperatorTask } from "./operator-task.ts";
import { planOf } from "./plan.ts";
import { unknownPrice, type Origin } from "./request-from-checkout.ts";
import { attempt } from "./savepoint.ts";
import type { Subscription } from "./subscription.ts";

/** What of a tenant's row a subscription may change, and what stands against it. */
export interface CurrentTenant {
  readonly id: number;
  readonly subdomain: string;
  readonly state: TenantState;
  readonly wanted: WantedState;
  readonly wantedReason: string | null;
  readonly planType: string;
  readonly customerId: string | null;
  readonly graceUntil: Date | null;
  readonly deleteAfter: Date | null;
}

const OF_SUBSCRIPTION = `
  select id, subdomain, state, wanted, wanted_reason as "wantedReason", plan_type as "planType",
    customer_id as "customerId", grace_until as "graceUntil", delete_after as "deleteAfter"
  from tenant_deployments where subscription_id = $1
  order by id desc limit 1`;

/** Without an audit line: it is no change of the wish. */
const SYNCED = "update tenant_deployments set stripe_synced_at = $2 where id = $1";

/** The subscription's newest tenant, deleted or not; with `lock`, nobody else changes it until the transaction ends. */
export async function tenantOf(
  db: Queryable,
  subscriptionId: string,
  lock = false,
): Promise<CurrentTenant | undefined> {
  const { rows } = await db.query<CurrentTenant & { [column: string]: unknown }>(
    lock ? `${OF_SUBSCRIPTION} for update` : OF_SUBSCRIPTION,
    [subscriptionId],
  );
  return rows[0];
}

/** Writes a decision into the row of an existing tenant, with the reconcile that it needs. */
export async function changeTenant(
  application: Application,
  tenant: CurrentTenant,
  subscription: Subscription,
  session: Origin["session"],
  decision: Decision,
): Promise<Outcome> {
  if (tenant.wanted === "deleted" || tenant.state === "deleted")
    return await leaveDeleted(application, tenant, decision);

  const { tx, subscriptionId, readAt, by, deps } = application;
  const plan = planOf(subscription, session?.metadata ?? null, deps.settings.prices);
  const held = isHeld(tenant);
  const wish = {
    ...(held ? {} : wishOf(decision)),
    ...(tenant.customerId === null ? { customerId: subscription.customerId } : {}),
  };
  const priority = decision.wanted === "active" && tenant.wanted === "suspended" ? Priority.customer : Priority.change;
  const tasks: OperatorTask[] = [];
  const write = async (change: WishChange): Promise<void> => {
    await resolveTasks(
      tx,
      subscriptionId,
      tasks.map(({ kind }) => kind),
      by,
    );
    for (const task of tasks) await openTask(tx, subscriptionId, tenant.id, task, by);
    await tx.query(SYNCED, [tenant.id, readAt]);
    const different = differing(change, tenant);
    if (Object.keys(different).length > 0) await deps.tenants.changeWish(tenant.id, different, by, { tx, priority });
  };

  // Without a known price the plan stays: nobody's tenant shrinks because a price was forgotten in the configuration.
  if (plan === undefined && decision.wanted === "active") tasks.push(unknownPrice(subscription));
  const written = await attempt(tx, () => write(plan === undefined ? wish : { ...wish, planType: plan.plan }));
  if (written.failed) {
    if (!(written.error instanceof UnknownPlan)) throw written.error;
    tasks.push(missingPlan(subscriptionId, written.error));
    await write(wish);
  }
  const notes = [
    held ? `suspended by an operator, which holds (Stripe: ${decision.reason})` : described(decision),
    ...(plan?.notes ?? []),
    ...tasks.map(({ detail }) => detail),
  ];
  return {
    outcome: tasks.length > 0 ? "task" : "applied",
    detail: `${tenant.subdomain}: ${notes.join("; ")}`,
    tenantId: tenant.id,
  };
}

function missingPlan(subscriptionId: string, error: UnknownPlan): OperatorTask {
  return {
    kind: "plan-unknown",
    detail: `Subscription ${subscriptionId} pays for a plan that the platform does not have: ${error.message}.`,
    remedy: `${error.remedy} Or correct STRIPE_PRICES.`,
  };
}

/** `gone`: "acme is being deleted". */
export function paidButGone(subscriptionId: string, reason: string, gone: string): OperatorTask {
  return {
    kind: "tenant-deleted",
    detail: `Subscription ${subscriptionId} is paid (${reason}), but its tenant ${gone}.`,
    remedy:
      "End the subscription in Stripe and refund it, or make a new tenant for it (POST /api/tenants); a backup of the old one is kept.",
  };
}

/** What is being deleted is never brought back by itself; who still pays for it is an operator's business. */
async function leaveDeleted(
  { tx, subscriptionId, by }: Application,
  tenant: CurrentTenant,
  decision: Decision,
): Promise<Outcome> {
  const gone = `${tenant.subdomain} is ${tenant.state === "deleted" ? "deleted" : "being deleted"}`;
  if (decision.wanted !== "active") {
    await resolveTasks(tx, subscriptionId, [], by);
    return { outcome: "ignored", detail: gone, tenantId: tenant.id };
  }
  const task = paidButGone(subscriptionId, decision.reason, gone);
  await openTask(tx, subscriptionId, tenant.id, task, by);
  return { outcome: "task", detail: task.detail, tenantId: tenant.id };
}

/** An operator's suspension holds until an operator ends it, whatever is paid. */
export function isHeld({ wanted, wantedReason }: Pick<CurrentTenant, "wanted" | "wantedReason">): boolean {
  return wanted === "suspended" && wantedReason !== null && /^operator(:|$)/.test(wantedReason);
}

/** A decision as columns of the row. */
export function wishOf(decision: Decision): WishChange {
  return {
    wanted: decision.wanted,
    wantedReason: decision.reason,
    graceUntil: decision.wanted === "active" ? decision.graceUntil : null,
    deleteAfter: decision.wanted === "suspended" ? decision.deleteAfter : null,
  };
}

export function described(decision: Decision): string {
  const until =
    decision.wanted === "active" ? decision.graceUntil : decision.wanted === "suspended" ? decision.deleteAfter : null;
  const next = until === null ? "" : ` until ${until.toISOString()}`;
  return `${decision.wanted}${next} (${decision.reason})`;
}

/** Only what is not so already, so that a repeat asks for no run of the engine. */
function differing(wish: WishChange, tenant: CurrentTenant): WishChange {
  const now: Readonly<Record<string, unknown>> = { ...tenant };
  const same = (a: unknown, b: unknown): boolean =>
    a instanceof Date && b instanceof Date ? a.getTime() === b.getTime() : a === b;
  return Object.fromEntries(Object.entries(wish).filter(([key, value]) => !same(value, now[key])));
}
