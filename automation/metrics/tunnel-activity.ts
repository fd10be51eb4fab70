import type { Queryable } from "../db/database.ts";
import type { ProbeResult, ProbeTarget, TunnelRow } from "./edge-probe.ts";

// Only that version of the row: what a run has written meanwhile is newer than the look. Dates have milliseconds here.
const SET_ACTIVE = (table: TunnelRow["table"]): string => `
  update ${table} set tunnel_active = $3, updated_at = now()
  where id = $1 and date_trunc('milliseconds', updated_at) = $2 and tunnel_active <> $3`;

/**
 * Writes into the row that a tunnel has dropped or come back, when a look through the edge has shown it. Costs nothing
 * while all is as it was.
 */
export async function recordActivity(
  db: Queryable,
  target: Pick<ProbeTarget, "key" | "row">,
  result: Pick<ProbeResult, "status">,
  log: (line: string) => void,
): Promise<void> {
  const { row } = target;
  const active = isConnected(result.status);
  if (row === undefined || active === undefined || active === row.active) return;
  const { rowCount } = await db.query(SET_ACTIVE(row.table), [row.id, row.updatedAt, active]);
  if (rowCount > 0) log(active ? `${target.key} is connected again` : `${target.key} is not connected any more`);
}

/**
 * Whether a connector has the tunnel, from what the edge answered: 530 is its word for no. An Odoo that is down (502)
 * is no matter of the tunnel; no answer at all may be our own network, and says nothing.
 */
function isConnected(status: number | undefined): boolean | undefined {
  return status === undefined ? undefined : status !== 530;
}
