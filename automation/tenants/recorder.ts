import type { Database } from "../db/database.ts";
import type { RunEvent } from "../engine/engine.ts";
import { insertEvents } from "./operation-rows.ts";
import type { OperationEvent } from "./operation.ts";

const BATCH_MS = 100;

/** Writes what happens during one operation, for live views: in order, in small batches, never in the run's way. */
export class Recorder {
  readonly #db: Database;
  readonly #operationId: number;
  readonly #log: (error: Error) => void;
  #sequence = 0;
  #waiting: Omit<OperationEvent, "operationId">[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(db: Database, operationId: number, log: (error: Error) => void) {
    this.#db = db;
    this.#operationId = operationId;
    this.#log = log;
  }

  /** A step around the engine: claim, repair, engine, probe, absence. */
  phase(name: string, body: Readonly<Record<string, unknown>> = {}): void {
    this.#add("phase", { phase: name, ...body });
  }

  event = (event: RunEvent): void => {
    const { kind, ...body } = event;
    this.#add(kind, body);
  };

  /** Resolves when everything so far is written, or could not be. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#waiting;
    this.#waiting = [];
    if (events.length > 0) {
      this.#writing = this.#writing.then(() => insertEvents(this.#db, this.#operationId, events)).catch(this.#log); // a view is no reason to fail
    }
    await this.#writing;
  }

  #add(kind: string, body: Readonly<Record<string, unknown>>): void {
    this.#waiting.push({ sequence: (this.#sequence += 1), at: new Date(), kind, body });
    this.#timer ??= setTimeout(() => void this.flush(), BATCH_MS);
  }
}
