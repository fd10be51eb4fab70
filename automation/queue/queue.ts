import type { Transaction } from "../db/database.ts";

/** A waiting job with a higher number goes first. */
export const Priority = {
  /** Nightly checks, rollouts. */
  background: 0,
  /** A changed wish. */
  change: 10,
  /** A customer is waiting: a paid checkout, a resume, an operator's click. Or a dead worker left something half done. */
  customer: 20,
} as const;

/** Work to be done, kept in the server's own database so that it can be queued in the same transaction as its cause. */
export interface Queue {
  /** One active and one waiting reconcile per tenant: a second request while one waits only raises its priority. */
  enqueueReconcile(tx: Transaction, tenantId: number, priority?: number): Promise<void>;
  /** The same for a container's own tunnel. */
  enqueueTunnel(tx: Transaction, standaloneTunnelId: number, priority?: number): Promise<void>;
  /** A preview never waits behind the tenant's reconcile. */
  enqueuePreview(tx: Transaction, operationId: number): Promise<void>;
  /** `id` of a row of stripe_events. */
  enqueueStripeEvent(tx: Transaction, eventId: string): Promise<void>;
  /** Those whose job waits, for its first or its next try, or runs. */
  stripeEventsAtWork(): Promise<readonly string[]>;
  /** Stops (or goes on) handing out reconciles on all workers; running ones end. `seconds`: for so long, default for ever. */
  pauseAll(tx: Transaction, paused: boolean, seconds?: number): Promise<void>;
  isPaused(): Promise<boolean>;
  /** Undefined when it is not paused. */
  pause(): Promise<{ endsAt: Date | null } | undefined>;
  depth(): Promise<QueueDepth>;
  /** Reconciles and events that used up their retries. */
  deadLetters(limit?: number): Promise<readonly DeadLetter[]>;
  /** Queues a dead letter again. False when it is not there any more. */
  revive(tx: Transaction, id: string): Promise<boolean>;
}

export interface QueueDepth {
  /** Ready to run, not yet handed out. */
  readonly waiting: number;
  /** Waiting for the time of their next try. */
  readonly deferred: number;
  readonly active: number;
  readonly dead: number;
}

export interface DeadLetter {
  readonly id: string;
  readonly queue: "reconcile" | "stripe-event" | "preview";
  readonly data: Readonly<Record<string, unknown>>;
  readonly failedAt: Date;
  readonly error: string | undefined;
}
