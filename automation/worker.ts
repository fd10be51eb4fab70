import type { Logger } from "pino";
import type { Database } from "./db/database.ts";
import type { Pruned } from "./pruning.ts";
import { withPermit } from "./queue/permits.ts";
import type { BossQueue } from "./queue/boss-queue.ts";
import { Priority } from "./queue/queue.ts";
import { sweep } from "./queue/sweep.ts";
import { repeat } from "./schedule.ts";
import { handleStripeEvent } from "./stripe/handle-event.ts";
import { catchUp } from "./stripe/catch-up.ts";
import { sweepClocks } from "./stripe/clocks.ts";
import { withLogFields } from "./telemetry/log-fields.ts";
import type { StripeDeps } from "./stripe/deps.ts";
import { preview } from "./tenants/preview.ts";
import { reconcile, reconcileStack } from "./tenants/reconcile.ts";
import type { ReconcileIO } from "./tenants/run.ts";
import { TUNNELS } from "./tunnels/tunnel-target.ts";

export interface WorkerParts {
  readonly io: ReconcileIO;
  readonly db: Database;
  readonly queue: BossQueue;
  readonly stripe: StripeDeps;
  readonly log: Logger;
  readonly limits: { readonly perHost: number; readonly perPostgres: number };
  /** Milliseconds. */
  readonly every: Readonly<Record<"sweep" | "stripeCatchUp" | "stripeClocks" | "prune", number>>;
  /** Removes what is older than it is kept. */
  readonly prune: () => Promise<Pruned>;
}

export interface RunningWorker {
  /** Takes no more work; what still runs after `drainMs` is stopped in order, to be taken up by another worker. */
  stop(drainMs: number): Promise<void>;
}

/** The role `worker`: carries out what is queued, and queues what is due. */
export async function startWorker(parts: WorkerParts): Promise<RunningWorker> {
  const { io, db, queue, stripe, log } = parts;
  const leave = new AbortController();
  const abandon = new AbortController();
  const reconcileOne = async (tenantId: number): Promise<void> => withLogFields({ tenantId }, () => timed(tenantId));
  const timed = async (tenantId: number): Promise<void> => {
    const began = performance.now();
    const result = await withPermit(
      db.url,
      "postgres",
      parts.limits.perPostgres,
      () => reconcile(tenantId, io, abandon.signal),
      abandon.signal,
    );
    log.info({ ...result, ms: Math.round(performance.now() - began) }, "reconcile");
    if (result.kind === "done" && result.again) await queue.enqueueReconcile(db, tenantId, Priority.change);
  };
  // Nothing of it is on the PostgreSQL server, so it needs no permit.
  const reconcileTunnel = async (id: number): Promise<void> =>
    withLogFields({ standaloneTunnelId: id }, async () => {
      const began = performance.now();
      const result = await reconcileStack(TUNNELS, id, io, abandon.signal);
      log.info({ ...result, ms: Math.round(performance.now() - began) }, "reconcile");
      if (result.kind === "done" && result.again) await queue.enqueueTunnel(db, id, Priority.change);
    });
  await queue.work(
    {
      reconcile: reconcileOne,
      tunnel: reconcileTunnel,
      stripeEvent: (eventId) => handleStripeEvent(eventId, stripe),
      preview: (operationId) => preview(operationId, io, abandon.signal),
    },
    { reconciles: io.engine.parallelism * 2, perHost: parts.limits.perHost, stripeEvents: 4 },
  );
  const failed = (what: string) => (error: Error) => log.warn({ err: error }, what);
  const loops = [
    repeat(parts.every.sweep, () => sweep(db, queue), leave.signal, failed("due tenants could not be queued")),
    repeat(
      parts.every.stripeCatchUp,
      () => catchUp(stripe),
      leave.signal,
      failed("Stripe's events could not be compared"),
    ),
    repeat(
      parts.every.stripeClocks,
      () => sweepClocks(stripe),
      leave.signal,
      failed("the clocks could not be looked at"),
    ),
    repeat(
      parts.every.prune,
      async () => log.debug(await parts.prune(), "pruned"),
      leave.signal,
      failed("what is too old could not be removed"),
    ),
  ];
  return {
    async stop(drainMs) {
      leave.abort();
      const patience = setTimeout(() => abandon.abort(new Error("the worker shuts down")), drainMs);
      await Promise.all([queue.stop(drainMs + 10_000), ...loops]);
      clearTimeout(patience);
    },
  };
}
