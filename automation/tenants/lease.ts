import { Fenced } from "../engine/engine.ts";
import type { Database, Queryable } from "../db/database.ts";
import { TENANT_COLUMNS } from "./tenant-rows.ts";
import type { Tenant } from "./tenant.ts";

/** Seconds for which a lease is good without a heartbeat: more than twice GUARD_LIMIT_SECONDS of the engine's processes. */
export const LEASE_SECONDS = 30;
const HEARTBEAT_MS = 5_000;

/** The right to run a tenant's stack: a number that only grows. Whoever raised it last may write. */
export interface Lease {
  readonly tenantId: number;
  readonly token: number;
  /** Aborted, with a reason of Fenced, as soon as the lease is lost or cannot be renewed in time. */
  readonly signal: AbortSignal;
  /** The holder before did not give it back: it is dead or frozen, and may have left things half done. */
  readonly takenOver: boolean;
  /** The row as it was when the lease was taken. */
  readonly tenant: Tenant;
  release(): Promise<void>;
}

// A holder whose time is up is dead, or frozen and fenced by the number.
const ACQUIRE = `
  with before as (select lease_until from tenant_deployments where id = $1)
  update tenant_deployments set
    lease_token = lease_token + 1, lease_owner = $2, lease_until = now() + make_interval(secs => $3)
  where id = $1 and (lease_until is null or lease_until < now())
  returning ${TENANT_COLUMNS}, lease_token as "leaseToken", (select lease_until from before) is not null as "takenOver"`;

const RENEW = `
  update tenant_deployments set lease_until = now() + make_interval(secs => $3)
  where id = $1 and lease_token = $2`;

const RELEASE = `
  update tenant_deployments set lease_owner = null, lease_until = null where id = $1 and lease_token = $2`;

/** Undefined when another worker holds it, or there is no such tenant. */
export async function acquireLease(
  db: Database,
  tenantId: number,
  owner: string,
  seconds = LEASE_SECONDS,
): Promise<Lease | undefined> {
  const { rows } = await db.query<Tenant & { leaseToken: number; takenOver: boolean }>(ACQUIRE, [
    tenantId,
    owner,
    seconds,
  ]);
  const row = rows[0];
  if (row === undefined) return undefined;
  const { leaseToken: token, takenOver, ...tenant } = row;
  const lost = new AbortController();
  const lose = (): void => {
    clearInterval(heartbeat);
    lost.abort(new Fenced(`tenant ${tenantId}`));
  };
  let good = performance.now() + seconds * 1_000;
  const heartbeat = setInterval(
    () => {
      // Late by a freeze or an outage: another worker may have it already.
      if (performance.now() > good) return lose();
      const asked = performance.now();
      db.query(RENEW, [tenantId, token, seconds]).then(
        ({ rowCount }) => (rowCount === 0 ? lose() : (good = asked + seconds * 1_000)),
        () => {}, // the database is away: the next beat tries again, until the time is up
      );
    },
    Math.min(HEARTBEAT_MS, (seconds * 1_000) / 6),
  );
  return {
    tenantId,
    token,
    signal: lost.signal,
    takenOver,
    tenant,
    async release() {
      clearInterval(heartbeat);
      await db.query(RELEASE, [tenantId, token]);
    },
  };
}

const CHECK = `select 1 from tenant_deployments where id = $1 and lease_token = $2 for update`;

/** Called first in every transaction that writes on behalf of a run: throws Fenced when the right to do so is lost. */
export async function checkLease(tx: Queryable, lease: Pick<Lease, "tenantId" | "token">): Promise<void> {
  const { rowCount } = await tx.query(CHECK, [lease.tenantId, lease.token]);
  if (rowCount === 0) throw new Fenced(`tenant ${lease.tenantId}`);
}
