import { setTimeout } from "node:timers/promises";
import type { Database } from "./db/database.ts";
import type { BossQueue, Handlers } from "./queue/boss-queue.ts";
import { withPermit } from "./queue/permits.ts";
import { Priority } from "./queue/queue.ts";
import { withLogFields } from "./telemetry/log-fields.ts";
import { type Reconciled, reconcile, reconcileStack } from "./tenants/reconcile.ts";
import type { ReconcileIO } from "./tenants/run.ts";
import { TUNNELS } from "./tunnels/tunnel-target.ts";

/** For a place on a host; then the worker is needed elsewhere. */
const PATIENCE_MS = 2_000;
const ASKED_EVERY_MS = 100;
/** Of a worker that leaves before there was a place. */
const FULL: Reconciled = { kind: "full" };

export interface ReconcileJobsParts {
  readonly io: ReconcileIO;
  readonly db: Database;
  readonly queue: Pick<BossQueue, "enqueueReconcile" | "enqueueTunnel">;
  readonly log: { info: (fields: object, message: string) => void };
  /** Reconciles of tenants at once on their PostgreSQL server, over all processes. */
  readonly perPostgres: number;
  /** No more waiting for a place. */
  readonly leave: AbortSignal;
  /** What runs is stopped in order. */
  readonly abandon: AbortSignal;
}

/** What is done with a job that names a stack: it is run, and queued again when that was not the end of it. */
export function reconcileJobs(parts: ReconcileJobsParts): Pick<Handlers, "reconcile" | "tunnel"> {
  const { io, db, queue, log, perPostgres, leave, abandon } = parts;
  const job = async (
    priority: number,
    run: () => Promise<Reconciled>,
    enqueue: (priority: number) => Promise<void>,
  ): Promise<void> => {
    const began = performance.now();
    const result = await patiently(run, leave);
    log.info({ ...result, ms: Math.round(performance.now() - began) }, "reconcile");
    if (result.kind === "full") await enqueue(priority); // behind its like: no try of it was made, none is used up
    if (result.kind === "done" && result.again) await enqueue(Priority.change);
  };
  return {
    reconcile: async (tenantId, priority) =>
      withLogFields({ tenantId }, () =>
        job(
          priority,
          async () =>
            (await withPermit(db.url, "postgres", perPostgres, () => reconcile(tenantId, io, abandon), leave)) ?? FULL,
          (again) => queue.enqueueReconcile(db, tenantId, again),
        ),
      ),
    // Nothing of it is on the PostgreSQL server, so it needs no permit.
    tunnel: async (id, priority) =>
      withLogFields({ standaloneTunnelId: id }, () =>
        job(
          priority,
          () => reconcileStack(TUNNELS, id, io, abandon),
          (again) => queue.enqueueTunnel(db, id, again),
        ),
      ),
  };
}

/**
 * Its job holds the place in the queue meanwhile, so that no other is handed out for it: neither are jobs of a full host
 * handed round in circles, however many wait, nor does a place that frees stay empty.
 */
async function patiently(run: () => Promise<Reconciled>, leave: AbortSignal): Promise<Reconciled> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const result = await run();
    if (result.kind !== "full" || leave.aborted || performance.now() > deadline) return result;
    await setTimeout(ASKED_EVERY_MS * (0.5 + Math.random()));
  }
}
