import type { Database } from "../db/database.ts";
import { dueRows } from "../tenants/due.ts";
import { TENANT_TABLE } from "../tenants/tenant-rows.ts";
import { TUNNEL_TABLE } from "../tunnels/tunnel-rows.ts";
import type { BossQueue } from "./boss-queue.ts";

/** Tenants, and tunnels, queued by one sweep; the next ones come with the next. */
const AT_ONCE = 500;

/**
 * Queues every tenant, and every container's own tunnel, whose wish is not fulfilled, which nobody works on, and whose
 * next try is due: what makes the platform converge whatever message was lost. Also the clock of retries. Returns how
 * many were due.
 */
export async function sweep(db: Database, queue: BossQueue): Promise<number> {
  if (await queue.isPaused()) return 0;
  const [tenants, tunnels] = await Promise.all([
    dueRows(db, TENANT_TABLE, AT_ONCE),
    dueRows(db, TUNNEL_TABLE, AT_ONCE),
  ]);
  await queue.enqueueDue({ tenants, tunnels });
  return tenants.length + tunnels.length;
}
