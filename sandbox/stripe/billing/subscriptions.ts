import { invalidRequest, StripeError } from "../errors.ts";
import { addInterval, itemOf, newSubscription, withItem } from "../objects/subscription.ts";
import type { Price, Subscription } from "../wire.ts";
import type { Account } from "./account.ts";
import { attemptPayment, changeSubscription, draftInvoice, finalizeInvoice, openInvoices } from "./invoicing.ts";

export interface NewSubscription {
  customer: string;
  price: Price;
  quantity?: number | undefined;
  metadata?: Record<string, string> | undefined;
  /** Seconds since 1970. */
  trialEnd?: number | undefined;
  whenTrialEndsUnpayable?: "cancel" | "create_invoice" | "pause" | undefined;
  paymentMethod?: string | undefined;
  paymentBehavior?: "allow_incomplete" | "default_incomplete" | "error_if_incomplete" | undefined;
  collectionMethod?: "charge_automatically" | "send_invoice" | undefined;
  daysUntilDue?: number | undefined;
  cancelAtPeriodEnd?: boolean | undefined;
  /** The first payment takes days (bank debits): the subscription is active and its invoice open meanwhile. */
  paymentTakesDays?: boolean | undefined;
}

/** https://docs.stripe.com/billing/subscriptions/overview */
export function createSubscription(account: Account, input: NewSubscription): Subscription {
  const { world } = account;
  const now = world.seconds();
  const trialing = input.trialEnd !== undefined;
  const sendInvoice = input.collectionMethod === "send_invoice";
  if (sendInvoice && input.daysUntilDue === undefined) {
    throw invalidRequest("Missing required param: days_until_due.", {
      code: "parameter_missing",
      param: "days_until_due",
    });
  }
  const id = world.newId("sub_");
  let subscription = newSubscription(id, world.newId("si_"), now, {
    customer: input.customer,
    price: input.price,
    quantity: input.quantity ?? 1,
    metadata: input.metadata ?? {},
    status: trialing ? "trialing" : sendInvoice || input.paymentTakesDays === true ? "active" : "incomplete",
    periodEnd: input.trialEnd ?? addInterval(now, input.price),
    trialEnd: input.trialEnd ?? null,
    whenTrialEndsUnpayable: input.whenTrialEndsUnpayable ?? "create_invoice",
    paymentMethod: input.paymentMethod ?? null,
    collectionMethod: input.collectionMethod ?? "charge_automatically",
    daysUntilDue: input.daysUntilDue ?? null,
    cancelAtPeriodEnd: input.cancelAtPeriodEnd ?? false,
  });
  world.put("subscription", id, subscription);
  const draft = draftInvoice(account, subscription, "subscription_create", trialing ? 0 : undefined);
  subscription = world.get("subscription", id);
  world.emit("customer.subscription.created", subscription);
  const invoice = finalizeInvoice(account, draft);
  if (
    invoice.status === "open" &&
    !sendInvoice &&
    input.paymentTakesDays !== true &&
    input.paymentBehavior !== "default_incomplete"
  ) {
    const paid = attemptPayment(account, invoice);
    if (!paid && input.paymentBehavior === "error_if_incomplete") {
      cancelSubscription(account, id, "payment_failed");
      throw new StripeError(402, { type: "card_error", code: "card_declined", message: "Your card was declined." });
    }
  }
  return world.get("subscription", id);
}

export function cancelSubscription(
  account: Account,
  id: string,
  reason: "cancellation_requested" | "payment_failed" | "payment_disputed" = "cancellation_requested",
  comment?: string,
): Subscription {
  const { world } = account;
  const before = world.get("subscription", id);
  if (before.status === "canceled")
    throw invalidRequest(`The subscription ${id} has already been canceled.`, { code: "resource_missing" });
  const now = world.seconds();
  for (const invoice of openInvoices(account, id))
    world.update("invoice", invoice, { auto_advance: false, next_payment_attempt: null });
  const { after } = world.update("subscription", before, {
    status: "canceled",
    canceled_at: before.canceled_at ?? now,
    ended_at: now,
    cancellation_details: { comment: comment ?? null, feedback: null, feedback_option: null, reason },
  });
  world.emit("customer.subscription.deleted", after);
  return after;
}

/** Not to be confused with pausing the collection of payments, which leaves the status alone. */
export function pauseSubscription(
  account: Account,
  id: string,
  why: "pause_requested" | "trial_end_without_payment_method" = "pause_requested",
): Subscription {
  const { world } = account;
  const before = world.get("subscription", id);
  if (!["active", "trialing", "past_due"].includes(before.status))
    throw invalidRequest(`A subscription that is ${before.status} cannot be paused.`);
  const after = changeSubscription(account, id, {
    status: "paused",
    status_details: { paused: { subscription: { type: why }, transitioned_at: world.seconds(), type: "subscription" } },
  });
  world.emit("customer.subscription.paused", after);
  return after;
}

/** Begins a new period; without its payment the subscription stays paused. */
export function resumeSubscription(account: Account, id: string): Subscription {
  const { world } = account;
  const before = world.get("subscription", id);
  if (before.status !== "paused") throw invalidRequest("Only a paused subscription can be resumed.");
  const now = world.seconds();
  const renewed = {
    ...before,
    items: withItem(before, { current_period_start: now, current_period_end: addInterval(now, itemOf(before).price) }),
  };
  world.put("subscription", id, renewed);
  const invoice = finalizeInvoice(account, draftInvoice(account, renewed, "subscription_cycle"));
  if (invoice.status !== "paid" && !attemptPayment(account, invoice)) return world.get("subscription", id);
  const { status_details: _, ...withoutDetails } = world.get("subscription", id);
  const active: Subscription = { ...withoutDetails, status: "active" };
  world.put("subscription", id, active);
  world.emit("customer.subscription.updated", active, { status: "paused", latest_invoice: before.latest_invoice });
  world.emit("customer.subscription.resumed", active);
  return active;
}

/** Begins the next period: an invoice, and what its payment leads to. */
export function renewSubscription(account: Account, id: string): Subscription {
  const { world } = account;
  const before = world.get("subscription", id);
  const item = itemOf(before);
  const start = item.current_period_end;
  const { after, previous } = world.update("subscription", before, {
    items: withItem(before, { current_period_start: start, current_period_end: addInterval(start, item.price) }),
    ...(before.status === "trialing" ? { status: "active" } : {}),
  });
  const draft = draftInvoice(account, after, "subscription_cycle");
  world.emit("customer.subscription.updated", world.get("subscription", id), {
    ...previous,
    latest_invoice: before.latest_invoice,
  });
  return collect(account, id, draft.id);
}

function collect(account: Account, id: string, invoiceId: string): Subscription {
  const { world } = account;
  const subscription = world.get("subscription", id);
  const draft = world.get("invoice", invoiceId);
  const behavior = subscription.pause_collection?.behavior;
  if (subscription.status === "unpaid" || behavior === "keep_as_draft") return subscription; // stays a draft
  const invoice = finalizeInvoice(account, draft);
  if (invoice.status === "paid" || subscription.collection_method === "send_invoice")
    return world.get("subscription", id);
  if (behavior !== undefined) {
    const status = behavior === "void" ? "void" : "uncollectible";
    world.put("invoice", invoice.id, { ...invoice, status });
    return subscription;
  }
  if (!attemptPayment(account, invoice)) changeSubscription(account, id, { status: "past_due" });
  return world.get("subscription", id);
}

/** One more try of an unpaid invoice; after the last, the account's setting decides. */
export function retryPayment(account: Account, invoiceId: string): void {
  const { world } = account;
  const invoice = world.get("invoice", invoiceId);
  if (attemptPayment(account, invoice)) return;
  const subscription = world.list("subscription").find((one) => one.latest_invoice === invoiceId);
  if (subscription?.status !== "past_due" || world.get("invoice", invoiceId).next_payment_attempt !== null) return;
  if (account.afterLastRetry === "cancel") cancelSubscription(account, subscription.id, "payment_failed");
  else changeSubscription(account, subscription.id, { status: account.afterLastRetry });
}
