import { once } from "node:events";
import type { Database } from "../db/database.ts";
import type { Listener } from "../db/listener.ts";
import { UnknownTenant } from "./errors.ts";
import { EVENTS_AT_ONCE, eventsAfter, operationById, OPERATIONS_CHANNEL } from "./operation-rows.ts";
import { isFinished, type Operation, type OperationEvent } from "./operation.ts";

/** A lost notification delays a view by no more than this. */
const RECHECK_MS = 5_000;

/** Follows operations as they run, on whichever machine, by PostgreSQL's notifications. */
export class OperationWatch {
  readonly #db: Database;
  readonly #listener: Listener;

  constructor(db: Database, listener: Listener) {
    this.#db = db;
    this.#listener = listener;
  }

  async *events(id: number, after = 0, signal?: AbortSignal): AsyncGenerator<OperationEvent> {
    let last = after;
    const changes = await this.#changesOf(id);
    try {
      for (;;) {
        changes.reset();
        // First whether it has finished, then its events: none can come in between unseen.
        const operation = await this.#read(id);
        for (let page: OperationEvent[] | undefined; page === undefined || page.length === EVENTS_AT_ONCE;) {
          page = await eventsAfter(this.#db, id, last);
          yield* page;
          last = page.at(-1)?.sequence ?? last;
        }
        if (isFinished(operation)) {
          const { status, error, changes: counts, timings } = operation;
          yield {
            operationId: id,
            sequence: last + 1,
            at: operation.finishedAt ?? new Date(),
            kind: "finished",
            body: { status, error, changes: counts, timings },
          };
          return;
        }
        await changes.next(RECHECK_MS, signal);
        if (signal?.aborted === true) return;
      }
    } finally {
      changes.stop();
    }
  }

  async finished(id: number, withinMs: number, signal?: AbortSignal): Promise<Operation> {
    const deadline = performance.now() + withinMs;
    const changes = await this.#changesOf(id);
    try {
      for (;;) {
        changes.reset();
        const operation = await this.#read(id);
        const left = deadline - performance.now();
        if (isFinished(operation) || left <= 0 || signal?.aborted === true) return operation;
        await changes.next(Math.min(left, RECHECK_MS), signal);
      }
    } finally {
      changes.stop();
    }
  }

  async #read(id: number): Promise<Operation> {
    const operation = await operationById(this.#db, id);
    if (operation === undefined) throw new UnknownTenant(`operation ${id}`);
    return operation;
  }

  async #changesOf(
    id: number,
  ): Promise<{ reset(): void; next(ms: number, signal?: AbortSignal): Promise<void>; stop(): void }> {
    const bell = new EventTarget();
    let rung = false;
    const stop = await this.#listener.listen(OPERATIONS_CHANNEL, (payload) => {
      if (payload !== "" && payload !== String(id)) return;
      rung = true;
      bell.dispatchEvent(new Event("ring"));
    });
    return {
      reset: () => void (rung = false),
      async next(ms, signal) {
        if (rung || signal?.aborted === true) return;
        const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(ms)));
        await once(bell, "ring", { signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]) }).catch(
          () => {},
        );
      },
      stop,
    };
  }
}
