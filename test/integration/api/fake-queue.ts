import type { Transaction } from "../../../automation/db/database.ts";
import type { DeadLetter, Queue, QueueDepth } from "../../../automation/queue/queue.ts";

/** A queue that only remembers. */
export class FakeQueue implements Queue {
  readonly events: string[] = [];
  readonly reconciles: number[] = [];
  readonly previews: number[] = [];
  paused = false;
  pausedFor: number | undefined;
  dead: DeadLetter[] = [];
  size: QueueDepth = { waiting: 2, deferred: 1, active: 1, dead: 0 };

  async enqueueReconcile(_tx: Transaction, tenantId: number): Promise<void> {
    this.reconciles.push(tenantId);
  }

  async enqueueTunnel(): Promise<void> {}

  async enqueuePreview(_tx: Transaction, operationId: number): Promise<void> {
    this.previews.push(operationId);
  }

  async enqueueStripeEvent(_tx: Transaction, eventId: string): Promise<void> {
    this.events.push(eventId);
  }

  async stripeEventsAtWork(): Promise<readonly string[]> {
    return [];
  }

  async pauseAll(_tx: Transaction, paused: boolean, seconds?: number): Promise<void> {
    this.paused = paused;
    this.pausedFor = seconds;
  }

  async pause(): Promise<{ endsAt: Date | null } | undefined> {
    const endsAt = this.pausedFor === undefined ? null : new Date(Date.now() + this.pausedFor * 1_000);
    return this.paused ? { endsAt } : undefined;
  }

  async isPaused(): Promise<boolean> {
    return this.paused;
  }

  async depth(): Promise<QueueDepth> {
    return { ...this.size, dead: this.dead.length };
  }

  async deadLetters(): Promise<readonly DeadLetter[]> {
    return this.dead;
  }

  async revive(_tx: Transaction, id: string): Promise<boolean> {
    const before = this.dead.length;
    this.dead = this.dead.filter((letter) => letter.id !== id);
    return this.dead.length < before;
  }
}
