import type { Queue } from "../../../automation/queue/queue.ts";
import type { Queryable, Transaction } from "../../../automation/db/database.ts";

/** Keeps jobs in a table of the same database, so that a test sees whether they were queued in the same transaction. */
export class QueueDouble implements Queue {
  readonly #db: Queryable;

  private constructor(db: Queryable) {
    this.#db = db;
  }

  static async create(db: Queryable): Promise<QueueDouble> {
    await db.query("create table jobs (id bigint generated always as identity primary key, kind text, subject text)");
    return new QueueDouble(db);
  }

  async enqueueStripeEvent(tx: Transaction, eventId: string): Promise<void> {
    await tx.query("insert into jobs (kind, subject) values ('stripe-event', $1)", [eventId]);
  }

  async stripeEventsAtWork(): Promise<readonly string[]> {
    const { rows } = await this.#db.query<{ subject: string }>("select subject from jobs where kind = 'stripe-event'");
    return rows.map(({ subject }) => subject);
  }

  async enqueueReconcile(tx: Transaction, tenantId: number): Promise<void> {
    await tx.query("insert into jobs (kind, subject) values ('reconcile', $1)", [String(tenantId)]);
  }

  async enqueueTunnel(): Promise<void> {}

  async enqueuePreview(tx: Transaction, operationId: number): Promise<void> {
    await tx.query("insert into jobs (kind, subject) values ('preview', $1)", [String(operationId)]);
  }

  /** Takes all jobs of a kind out, in order. */
  async take(kind: "stripe-event" | "reconcile"): Promise<string[]> {
    const { rows } = await this.#db.query<{ id: number; subject: string }>(
      "delete from jobs where kind = $1 returning id, subject",
      [kind],
    );
    return rows.toSorted((a, b) => a.id - b.id).map(({ subject }) => subject);
  }

  pauseAll = nothing;
  isPaused = nothing;
  pause = nothing;
  depth = nothing;
  deadLetters = nothing;
  revive = nothing;
}

function nothing(): Promise<never> {
  throw new Error("not needed here");
}
