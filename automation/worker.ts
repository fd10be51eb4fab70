import type { Logger } from "pino";
import type { Database } from "./db/database.ts";
import type { Pruned } from "./pruning.ts";
import type { BossQueue } from "./queue/boss-queue.ts";
import { reconcileJobs } from "./reconcile-jobs.ts";
import { dropSettledLetters } from "./queue/settled-letters.ts";
import { sweep } from "./queue/sweep.ts";
import { repeat } from "./schedule.ts";
import { handleStripeEvent } from "./stripe/handle-event.ts";
import { catchUp } from "./stripe/catch-up.ts";
import { sweepClocks } from "./stripe/clocks.ts";
import type { StripeDeps } from "./stripe/deps.ts";
import { preview } from "./tenants/preview.ts";
import type { ReconcileIO } from "./tenants/run.ts";
import { TUNNELS } from "./tunnels/tunnel-target.ts";

export interface WorkerParts {
  readonly io: ReconcileIO;
  readonly db: Database;
  readonly queue: BossQueue;
  readonly stripe: StripeDeps;
  readonly log: Logger;
  /** Reconciles of tenants at once on their PostgreSQL server, over all processes. */
  readonly perPostgres: number;
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
  await queue.work(
    {
      ...reconcileJobs({
        io,
        db,
        queue,
        log,
        perPostgres: parts.perPostgres,
        leave: leave.signal,
        abandon: abandon.signal,
      }),
      stripeEvent: (eventId) => handleStripeEvent(eventId, stripe),
      preview: (operationId) => preview(operationId, io, TUNNELS, abandon.signal),
    },
    { reconciles: io.engine.parallelism * 2, perHost: io.perHost, stripeEvents: 4 },
  );
  const end = { stop: leave.signal, abandon: abandon.signal };
  const failed = (what: string) => (error: Error) => log.warn({ err: error }, what);
  const loops = [
    repeat(parts.every.sweep, () => sweep(db, queue), end, failed("due tenants could not be queued")),
    repeat(
      parts.every.stripeCatchUp,
      () => catchUp(stripe).then(() => dropSettledLetters(db)),
      end,
      failed("Stripe's events could not be compared"),
    ),
    repeat(parts.every.stripeClocks, () => sweepClocks(stripe), end, failed("the clocks could not be looked at")),
    repeat(
      parts.every.prune,
      async () => log.debug(await parts.prune(), "pruned"),
      end,
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
