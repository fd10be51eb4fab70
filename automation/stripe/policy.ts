/** The operator's rules for what a subscription's state means for its tenant. Days may be fractions. */
export interface Policy {
  /** A subscription whose payment failed keeps its tenant running for so long. */
  readonly graceDays: number;
  /** After the end of a subscription its tenant is kept suspended for so long, then backed up and deleted. */
  readonly retentionDays: number;
  /** The same where nothing was ever paid: the trial ended, and that was all. */
  readonly trialRetentionDays: number;
  /** From the end of grace until deletion while Stripe has not ended the subscription; null: never. */
  readonly unpaidRetentionDays: number | null;
  /** Whether a trial has a running tenant, or waits for the first payment. */
  readonly trials: "active" | "wait";
  /** Whether a first payment that takes days (bank debits) is waited for before there is a tenant. */
  readonly pendingPayments: "active" | "wait";
  /** Behaviours of a paused collection that mean "no service meanwhile". Stripe's documentation says it of `void`. */
  readonly suspendingCollectionPauses: readonly CollectionPause[];
}

/** https://docs.stripe.com/billing/subscriptions/pause-payment */
export type CollectionPause = "keep_as_draft" | "mark_uncollectible" | "void";

export const DEFAULT_POLICY: Policy = {
  graceDays: 7,
  retentionDays: 30,
  trialRetentionDays: 7,
  unpaidRetentionDays: null,
  trials: "active",
  pendingPayments: "wait",
  suspendingCollectionPauses: ["void"],
};

export function addDays(from: Date, days: number): Date {
  return new Date(from.getTime() + days * 86_400_000);
}
