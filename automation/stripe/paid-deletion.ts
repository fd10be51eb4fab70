import type { Transaction } from "../db/database.ts";
import type { Tenant } from "../tenants/tenant.ts";
import type { Actor } from "../tenants/tenants.ts";
import { paidButGone } from "./change-tenant.ts";
import { openTask } from "./operator-task.ts";

const PAID = `
  select status from stripe_subscriptions where id = $1 and status in ('active', 'trialing', 'past_due')`;

/**
 * A tenant is deleted by hand, and its subscription, as it was last read, goes on: Stripe charges it until somebody ends
 * it there. Opens the task for that in the deletion's transaction and returns what to tell; undefined when nobody pays.
 * Every catch-up reads the subscription again, and closes the task once it has ended.
 */
export async function noticePaidDeletion(
  tx: Transaction,
  tenant: Pick<Tenant, "id" | "subdomain" | "subscriptionId">,
  by: Actor,
): Promise<string | undefined> {
  const { subscriptionId } = tenant;
  if (subscriptionId === null) return undefined;
  const { rows } = await tx.query<{ status: string }>(PAID, [subscriptionId]);
  if (rows[0] === undefined) return undefined;
  const task = paidButGone(subscriptionId, rows[0].status, `${tenant.subdomain} is being deleted`);
  await openTask(tx, subscriptionId, tenant.id, task, by);
  return `Subscription ${subscriptionId} is ${rows[0].status} in Stripe, which goes on charging it. ${task.remedy}`;
}
