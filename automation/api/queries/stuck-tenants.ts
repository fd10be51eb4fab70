import type { Queryable } from "../../db/database.ts";
import type { ReasonKey } from "../../tenants/reasons.ts";

const STUCK = `
  select id from tenant_deployments
  where id > $1 and state in ('failed', 'stalled') and state_reason = $2 and not paused order by id limit $3`;

/** Ids of the tenants that are failed or stalled for this reason, in order, from the one after `after` on. */
export async function stuckTenants(
  db: Queryable,
  reason: ReasonKey,
  after: number,
  limit: number,
): Promise<readonly number[]> {
  return (await db.query<{ id: number }>(STUCK, [after, reason, limit])).rows.map(({ id }) => id);
}
