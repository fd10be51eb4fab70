import { setTimeout } from "node:timers/promises";
import type { Session } from "./session.ts";

/** Seconds that a pause lasts without this command: one that was killed does not hold tenants up for ever. */
const HELD_SECONDS = 120;
const RENEWED_AFTER_MS = 30_000;

/** Keeps all runs waiting while stacks are worked on. */
export class QueueHold {
  readonly #session: Session;
  readonly #stays: boolean;
  #renewed = -Infinity;
  /** It was paused before, by somebody who goes on with it. */
  #wasPaused = false;

  /** `stays`: until somebody ends the pause. */
  constructor(session: Session, stays: boolean) {
    this.#session = session;
    this.#stays = stays;
  }

  /** Resolves when no run of the engine is under way. */
  async begin(): Promise<void> {
    const { paused, paused_until: until } = await this.#session.api().ask("GET", "/api/queue");
    this.#wasPaused = paused === true && until === null;
    this.#session.err.write("changes wait from now on; running ones end first\n");
    await this.renew();
  }

  /** To be called between any two stacks. */
  async renew(): Promise<void> {
    if (performance.now() - this.#renewed < RENEWED_AFTER_MS) return;
    const api = this.#session.api();
    await api.ask("POST", "/api/queue/pause", { body: this.#stays ? {} : { seconds: HELD_SECONDS } });
    this.#renewed = performance.now();
    // Twice: a run may just be about to begin.
    for (let idle = 0; idle < 2;) {
      const { operations } = await api.ask("GET", "/api/operations?status=running&limit=1");
      idle = (operations as unknown[]).length === 0 ? idle + 1 : 0;
      if (idle < 2) await setTimeout(500);
    }
  }

  async end(): Promise<void> {
    if (!this.#wasPaused && !this.#stays) await this.#session.api().ask("POST", "/api/queue/unpause");
  }
}
