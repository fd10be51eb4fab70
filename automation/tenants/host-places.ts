import type { Transaction } from "../db/database.ts";

/** As many of a host's stacks are worked on as may be. To be tried again: by its end each makes room for one. */
export class HostFull extends Error {
  constructor(containerId: number) {
    super(`as much as may be is at work on host ${containerId}`);
    this.name = "HostFull";
  }
}

/** Seen in pg_locks as the first of two keys. */
const CLASS = 0x0d01;

// Statements of their own: the count must see what was committed until the lock was had.
const LOCK = `select pg_advisory_xact_lock($1, $2::integer)`;

// With the lease that this transaction has taken. A lease whose time is up gives its place back like all that is its.
const COUNT = `
  select (
    (select count(*) from tenant_deployments
      where container_id = $1 and state <> 'deleted' and lease_until > clock_timestamp()) +
    (select count(*) from standalone_tunnels
      where container_id = $1 and state <> 'deleted' and lease_until > clock_timestamp()))::int as taken`;

/**
 * Whether the leases of a host, with one that was taken in this transaction before, are no more than `perHost`. Others
 * that ask for the same host wait until this transaction ends: of two that want the last place, one sees the other's
 * lease. To be asked last: what is held while others wait must not wait for anything itself.
 */
export async function hasPlace(tx: Transaction, containerId: number, perHost: number): Promise<boolean> {
  if (perHost === Infinity) return true;
  await tx.query(LOCK, [CLASS, containerId]);
  const { rows } = await tx.query<{ taken: number }>(COUNT, [containerId]);
  return (rows[0]?.taken ?? 0) <= perHost;
}
