import type { Queryable } from "../db/database.ts";

export interface ProvisioningTimes {
  /** Tenants that became ready in the window. */
  readonly count: number;
  /** Seconds from request to proven ready; null when there was none. */
  readonly p50_seconds: number | null;
  readonly p95_seconds: number | null;
}

// Of tenants, not of their operations: each try has one of its own, and only the last of them succeeded.
const PROVISIONING = `
  select count(*)::int as count,
    percentile_cont(0.5) within group (order by extract(epoch from ready_at - created_at))::float8 as p50_seconds,
    percentile_cont(0.95) within group (order by extract(epoch from ready_at - created_at))::float8 as p95_seconds
  from tenant_deployments where ready_at > now() - make_interval(days => $1)`;

export async function provisioningTimes(db: Queryable, days: number): Promise<ProvisioningTimes> {
  const { rows } = await db.query<{ count: number; p50_seconds: number | null; p95_seconds: number | null }>(
    PROVISIONING,
    [days],
  );
  return rows[0] ?? { count: 0, p50_seconds: null, p95_seconds: null };
}

const FAILURES = `
  select count(*)::int as count from operations
  where status in ('failed', 'stalled') and finished_at > now() - interval '24 hours'`;

/** Operations that failed or stalled in the last 24 hours. */
export async function recentFailures(db: Queryable): Promise<number> {
  return (await db.query<{ count: number }>(FAILURES)).rows[0]?.count ?? 0;
}
