import { addDays, type Policy } from "./policy.ts";
import type { Billing } from "./subscription.ts";

/** What a tenant should be for its subscription's sake, and until when that is so. */
export type Decision =
  | { readonly wanted: "active"; readonly reason: Reason; readonly graceUntil: Date | null }
  | { readonly wanted: "suspended"; readonly reason: Reason; readonly deleteAfter: Date | null }
  | { readonly wanted: "deleted"; readonly reason: Reason };

/** Kept in `wanted_reason`; docs/lifecycle.md explains each. */
export type Reason =
  | "paid"
  | "trial"
  | "trial without payment"
  | "cancels at the period's end"
  | "payment failed"
  | "collection paused"
  | "unpaid"
  | "paused"
  | "first payment incomplete"
  | "canceled";

/** Pure: the same subscription, time and policy give the same answer, however often and in whatever order it is asked. */
export function decide(billing: Billing, now: Date, policy: Policy): Decision {
  switch (billing.status) {
    case "trialing":
      if (policy.trials === "wait") return suspended("trial without payment");
      if (pausedNow(billing, now, policy)) return suspended("collection paused");
      return active(billing.cancelAt === null ? "trial" : "cancels at the period's end");
    case "active":
      if (pausedNow(billing, now, policy)) return suspended("collection paused");
      return active(billing.cancelAt === null ? "paid" : "cancels at the period's end");
    case "past_due": {
      if (pausedNow(billing, now, policy)) return suspended("collection paused");
      const graceUntil = addDays(billing.unpaidSince, policy.graceDays);
      return now < graceUntil
        ? { wanted: "active", reason: "payment failed", graceUntil }
        : afterGrace("payment failed", graceUntil, now, policy);
    }
    case "unpaid":
      return afterGrace("unpaid", addDays(billing.unpaidSince, policy.graceDays), now, policy);
    case "paused":
      return suspended(billing.onlyTrial ? "trial without payment" : "paused");
    case "incomplete":
      return suspended("first payment incomplete");
    case "incomplete_expired":
      return kept("first payment incomplete", addDays(billing.endedAt, policy.trialRetentionDays), now);
    case "canceled":
      return kept(
        "canceled",
        addDays(billing.endedAt, billing.onlyTrial ? policy.trialRetentionDays : policy.retentionDays),
        now,
      );
    default:
      throw new Error(`unknown state ${JSON.stringify(billing satisfies never)}`);
  }
}

/** What becomes of a decision by the passing of time alone. `decide` at the later time says the same. */
export function advance(decision: Decision, now: Date, policy: Policy): Decision {
  if (decision.wanted === "active" && decision.graceUntil !== null && decision.graceUntil <= now) {
    return afterGrace(decision.reason, decision.graceUntil, now, policy);
  }
  if (decision.wanted === "suspended" && decision.deleteAfter !== null)
    return kept(decision.reason, decision.deleteAfter, now);
  return decision;
}

/** Whether a subscription that has no tenant yet is to have one. */
export function mayBegin(billing: Billing, paid: boolean, paysByInvoice: boolean, policy: Policy): Beginning {
  const onlyTrial =
    billing.status === "trialing" ||
    ((billing.status === "paused" || billing.status === "canceled") && billing.onlyTrial);
  if (billing.status === "incomplete" || billing.status === "incomplete_expired")
    return { begins: false, because: "its first payment is not complete" };
  if (onlyTrial && policy.trials === "wait") return { begins: false, because: "trials wait for their first payment" };
  if (onlyTrial) return { begins: true };
  if (paid || paysByInvoice) return { begins: true };
  if (policy.pendingPayments === "active" && billing.status === "active") return { begins: true };
  return { begins: false, because: "nothing was paid yet" };
}

export type Beginning = { readonly begins: true } | { readonly begins: false; readonly because: string };

function active(reason: Reason): Decision {
  return { wanted: "active", reason, graceUntil: null };
}

function suspended(reason: Reason): Decision {
  return { wanted: "suspended", reason, deleteAfter: null };
}

function kept(reason: Reason, deleteAfter: Date, now: Date): Decision {
  return now < deleteAfter ? { wanted: "suspended", reason, deleteAfter } : { wanted: "deleted", reason };
}

/** Only a policy that says so deletes what Stripe has not ended. */
function afterGrace(reason: Reason, graceUntil: Date, now: Date, policy: Policy): Decision {
  if (policy.unpaidRetentionDays === null) return suspended(reason);
  return kept(reason, addDays(graceUntil, policy.unpaidRetentionDays), now);
}

function pausedNow({ collection }: Extract<Billing, { collection: unknown }>, now: Date, policy: Policy): boolean {
  if (collection === null || (collection.resumesAt !== null && collection.resumesAt <= now)) return false;
  return policy.suspendingCollectionPauses.includes(collection.behavior);
}
