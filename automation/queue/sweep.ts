import type { Database } from "../db/database.ts";
import { dueTenants } from "../tenants/tenant-rows.ts";
import type { BossQueue } from "./boss-queue.ts";

/** Tenants queued by one sweep; the next ones come with the next. */
const AT_ONCE = 500;

/**
 * Queues every tenant whose wish is not fulfilled, nobody works on, and whose next try is due: what makes the platform
 * converge whatever message was lost. Also the clock of retries. Returns how many were due.
 */
export async function sweep(db: Database, queue: BossQueue): Promise<number> {
  if (await queue.isPaused()) return 0;
  const due = await dueTenants(db, AT_ONCE);
  await queue.enqueueDue(due);
  return due.length;
}
