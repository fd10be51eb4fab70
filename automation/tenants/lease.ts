import { Fenced } from "../engine/engine.ts";
import type { Database, Queryable } from "../db/database.ts";
import { owned } from "./operation-rows.ts";
import { hasPlace, HostFull } from "./host-places.ts";
import type { StackRow, StackTable } from "./stack-row.ts";

/** Seconds for which a lease is good without a heartbeat: more than twice GUARD_LIMIT_SECONDS of the engine's processes. */
export const LEASE_SECONDS = 30;
const HEARTBEAT_MS = 5_000;

/** The right to run the stack of a row: a number that only grows. Whoever raised it last may write. */
export interface Lease<Row extends StackRow = StackRow> {
  readonly table: StackTable<Row>;
  readonly id: number;
  readonly token: number;
  /** Aborted, with a reason of Fenced, as soon as the lease is lost or cannot be renewed in time. */
  readonly signal: AbortSignal;
  /**
   * The run before came to no good end: its worker is dead or frozen, or it was interrupted. It may have left things half
   * done, whatever the row's state says, and whoever has had the lease since without running anything.
   */
  readonly takenOver: boolean;
  /** The row as it was when the lease was taken. */
  readonly row: Row;
  /**
   * Throws Fenced when the lease is lost, or its time is up by this machine's clock, whether or not that was noticed
   * yet. To be called right before what the signal could not stop any more.
   */
  assertHeld(): void;
  release(): Promise<void>;
}

// A holder whose time is up is dead, or frozen and fenced by the number.
const ACQUIRE = ({ name, columns }: StackTable, owner: string): string => `
  with before as (
    select lease_until is not null or coalesce((
      select status <> 'succeeded' from operations where ${owner} = $1 and lease_token is not null
      order by id desc limit 1), false) as "takenOver"
    from ${name} where id = $1
  )
  update ${name} set
    lease_token = lease_token + 1, lease_owner = $2, lease_until = now() + make_interval(secs => $3)
  where id = $1 and (lease_until is null or lease_until < now())
  returning ${columns}, lease_token as "leaseToken", (select "takenOver" from before)`;

const RENEW = ({ name }: StackTable): string => `
  update ${name} set lease_until = now() + make_interval(secs => $3)
  where id = $1 and lease_token = $2`;

const RELEASE = ({ name }: StackTable): string => `
  update ${name} set lease_owner = null, lease_until = null where id = $1 and lease_token = $2`;

export interface LeaseOptions {
  /** For which it is good without a heartbeat. */
  readonly seconds?: number;
  /** Leases of one host at once, of all tables and processes. Default as many as are wanted. */
  readonly perHost?: number;
}

/**
 * Undefined when another worker holds it, or there is no such row. Throws HostFull when as many as may be of its host's
 * are held: then nothing has changed.
 */
export async function acquireLease<Row extends StackRow>(
  db: Database,
  table: StackTable<Row>,
  id: number,
  owner: string,
  { seconds = LEASE_SECONDS, perHost = Infinity }: LeaseOptions = {},
): Promise<Lease<Row> | undefined> {
  const began = performance.now();
  const row = await db.transaction(async (tx) => {
    const { rows } = await tx.query<Row & { leaseToken: number; takenOver: boolean }>(
      ACQUIRE(table, owned(table.owner(id))[0]),
      [id, owner, seconds],
    );
    if (rows[0] !== undefined && !(await hasPlace(tx, rows[0].containerId, perHost)))
      throw new HostFull(rows[0].containerId);
    return rows[0];
  });
  if (row === undefined) return undefined;
  const { leaseToken: token, takenOver } = row;
  const subject = `${table.subject} ${id}`;
  const lost = new AbortController();
  const lose = (): void => {
    clearInterval(heartbeat);
    lost.abort(new Fenced(subject));
  };
  let good = began + seconds * 1_000; // not later than by the database's clock, which ran since the transaction's beginning
  const heartbeat = setInterval(
    () => {
      // Late by a freeze or an outage: another worker may have it already.
      if (performance.now() > good) return lose();
      const asked = performance.now();
      db.query(RENEW(table), [id, token, seconds]).then(
        ({ rowCount }) => (rowCount === 0 ? lose() : (good = asked + seconds * 1_000)),
        () => {}, // the database is away: the next beat tries again, until the time is up
      );
    },
    Math.min(HEARTBEAT_MS, (seconds * 1_000) / 6),
  );
  return {
    table,
    id,
    token,
    signal: lost.signal,
    takenOver,
    row,
    assertHeld() {
      if (performance.now() > good) lose();
      lost.signal.throwIfAborted();
    },
    async release() {
      clearInterval(heartbeat);
      await db.query(RELEASE(table), [id, token]);
    },
  };
}

const CHECK = ({ name }: StackTable): string => `select 1 from ${name} where id = $1 and lease_token = $2 for update`;

/** Called first in every transaction that writes on behalf of a run: throws Fenced when the right to do so is lost. */
export async function checkLease(
  tx: Queryable,
  { table, id, token }: Pick<Lease, "table" | "id" | "token">,
): Promise<void> {
  const { rowCount } = await tx.query(CHECK(table), [id, token]);
  if (rowCount === 0) throw new Fenced(`${table.subject} ${id}`);
}
