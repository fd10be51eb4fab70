import { advance, type Decision, type Reason } from "./decide.ts";
import { isHeld, wishOf, type CurrentTenant } from "./change-tenant.ts";
import type { StripeDeps } from "./deps.ts";
import { synchronise } from "./synchronise.ts";

interface DueTenant extends Pick<CurrentTenant, "id" | "wanted" | "wantedReason" | "graceUntil" | "deleteAfter"> {
  readonly subscriptionId: string | null;
}

const DUE = `
  select t.id, subscription_id as "subscriptionId", wanted, wanted_reason as "wantedReason",
    grace_until as "graceUntil", delete_after as "deleteAfter"
  from tenant_deployments t left join stripe_subscriptions s on s.id = t.subscription_id
  where state <> 'deleted' and ((wanted = 'active' and grace_until <= $1) or (wanted = 'suspended' and delete_after <= $1))
    and coalesce(wanted_reason, '') !~ '^operator(:|$)'
  order by s.read_at nulls first, least(grace_until, delete_after) limit $2`; // some stay due: Stripe knows them no more

const BY = { name: "schedule" } as const;
const AT_ONCE = 200;

export interface Sweep {
  /** Tenants whose clock had run out. */
  readonly due: number;
  /** Those that could not be looked at now, and will be at the next sweep. */
  readonly failed: number;
}

/**
 * Ends grace and retention where their time is over. Nobody is suspended or deleted by the clock alone: the subscription
 * is read from Stripe first, since the news of a payment may have been lost; while Stripe does not answer, the tenant
 * stays as it is.
 */
export async function sweepClocks(deps: StripeDeps, atOnce = AT_ONCE): Promise<Sweep> {
  const { rows } = await deps.database.query<DueTenant & { [column: string]: unknown }>(DUE, [deps.now(), atOnce]);
  let failed = 0;
  for (const tenant of rows) {
    try {
      if (tenant.subscriptionId !== null) await synchronise(tenant.subscriptionId, BY, deps);
      else await byClockAlone(tenant, deps);
    } catch (error) {
      failed += 1;
      deps.log?.(`the clock of tenant ${tenant.id} could not be looked at: ${(error as Error).message}`, {
        tenantId: tenant.id,
      });
    }
  }
  return { due: rows.length, failed };
}

/** A tenant that an operator made without a subscription. */
async function byClockAlone(tenant: DueTenant, deps: StripeDeps): Promise<void> {
  if (tenant.wanted === "deleted" || isHeld(tenant)) return;
  const reason = (tenant.wantedReason ?? "unpaid") as Reason;
  const before: Decision =
    tenant.wanted === "active"
      ? { wanted: "active", reason, graceUntil: tenant.graceUntil }
      : { wanted: "suspended", reason, deleteAfter: tenant.deleteAfter };
  await deps.tenants.changeWish(tenant.id, wishOf(advance(before, deps.now(), deps.settings.policy)), BY);
}
