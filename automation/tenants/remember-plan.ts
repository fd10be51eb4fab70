import { isDeepStrictEqual } from "node:util";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import type { Database } from "../db/database.ts";
import { checkLease, type Lease } from "./lease.ts";
import type { Tenant } from "./tenant.ts";

const SET_PLAN_SETTINGS = `update tenant_deployments set plan_settings = $2 where id = $1`;

/**
 * The lease's tenant with its plan as configured now, written into its row before anything is made from it. A plan that
 * is not configured any more stays as the row has it (docs/decisions/0015-a-removed-plan-is-remembered.md).
 */
export async function rememberPlan(
  db: Database,
  lease: Lease<Tenant>,
  { plans }: Pick<PlatformSettings, "plans">,
): Promise<Tenant> {
  const { row: tenant } = lease;
  const configured = plans[tenant.planType];
  if (configured === undefined || isDeepStrictEqual(configured, tenant.planSettings)) return tenant;
  await db.transaction(async (tx) => {
    await checkLease(tx, lease);
    await tx.query(SET_PLAN_SETTINGS, [tenant.id, JSON.stringify(configured)]);
  });
  return { ...tenant, planSettings: configured };
}
