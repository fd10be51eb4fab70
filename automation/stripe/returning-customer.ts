import type { Queryable } from "../db/database.ts";
import type { Reason } from "./decide.ts";

export interface FormerTenant {
  readonly id: number;
  readonly subdomain: string;
  /** Whom it belongs to now. */
  readonly subscriptionId: string | null;
}

type Row = FormerTenant & { readonly [column: string]: unknown };

const ENDED: readonly Reason[] = ["canceled", "first payment incomplete"];

const WAITING = `
  select id, subdomain, subscription_id as "subscriptionId" from tenant_deployments
  where subdomain = $1 and customer_id = $2 and wanted = 'suspended' and wanted_reason = any($3) and state <> 'deleted'
  for update`;

/**
 * The tenant of an ended subscription that its own customer (the same one at Stripe, not merely the same address) asks
 * for again, by its name, before the retention is over. The data are still there.
 */
export async function tenantToReturn(
  db: Queryable,
  subdomain: string,
  customerId: string,
): Promise<FormerTenant | undefined> {
  return (await db.query<Row>(WAITING, [subdomain, customerId, ENDED])).rows[0];
}

const HAD = `
  select t.id, t.subdomain, t.subscription_id as "subscriptionId"
  from stripe_events e join tenant_deployments t on t.id = e.tenant_id
  where e.subscription_id = $1 and t.state <> 'deleted' order by e.handled_at desc limit 1`;

/** The tenant that a subscription once had, and that belongs to another one now. */
export async function formerTenant(db: Queryable, subscriptionId: string): Promise<FormerTenant | undefined> {
  return (await db.query<Row>(HAD, [subscriptionId])).rows[0];
}
