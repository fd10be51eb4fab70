import type { Price, Subscription, SubscriptionItem } from "../wire.ts";
import { planOf } from "./price.ts";

export interface SubscriptionInput {
  customer: string;
  price: Price;
  quantity: number;
  metadata: Record<string, string>;
  status: Subscription["status"];
  periodEnd: number;
  trialEnd: number | null;
  whenTrialEndsUnpayable: "cancel" | "create_invoice" | "pause";
  paymentMethod: string | null;
  collectionMethod: "charge_automatically" | "send_invoice";
  daysUntilDue: number | null;
  cancelAtPeriodEnd: boolean;
}

/** https://docs.stripe.com/api/subscriptions/object: the periods are the items' since 2025-03-31. */
export function newSubscription(id: string, itemId: string, created: number, input: SubscriptionInput): Subscription {
  return {
    id,
    object: "subscription",
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: input.trialEnd ?? created,
    billing_cycle_anchor_config: null,
    billing_mode: { flexible: null, type: "classic" },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: input.cancelAtPeriodEnd ? input.periodEnd : null,
    cancel_at_period_end: input.cancelAtPeriodEnd,
    canceled_at: input.cancelAtPeriodEnd ? created : null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: input.collectionMethod,
    created,
    currency: input.price.currency,
    customer: input.customer,
    customer_account: null,
    days_until_due: input.daysUntilDue,
    default_payment_method: input.paymentMethod,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    ended_at: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: "self" },
    },
    items: {
      object: "list",
      data: [newItem(id, itemId, created, input.price, input.quantity, created, input.periodEnd)],
      has_more: false,
      url: `/v1/subscription_items?subscription=${id}`,
    },
    latest_invoice: null,
    livemode: false,
    managed_payments: { enabled: false },
    metadata: input.metadata,
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: { payment_method_options: null, payment_method_types: null, save_default_payment_method: "off" },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: created,
    status: input.status,
    test_clock: null,
    transfer_data: null,
    trial_end: input.trialEnd,
    trial_settings: {
      end_behavior: { billing_cycle_anchor: null, missing_payment_method: input.whenTrialEndsUnpayable },
    },
    trial_start: input.trialEnd === null ? null : created,
  };
}

export function newItem(
  subscription: string,
  id: string,
  created: number,
  price: Price,
  quantity: number,
  start: number,
  end: number,
): SubscriptionItem {
  return {
    id,
    object: "subscription_item",
    billing_thresholds: null,
    created,
    current_period_end: end,
    current_period_start: start,
    current_trial: null,
    discounts: [],
    metadata: {},
    plan: planOf(price),
    price,
    quantity,
    subscription,
    tax_rates: [],
  };
}

/** The one item of the emulator's subscriptions. */
export function itemOf(subscription: Subscription): SubscriptionItem {
  const item = subscription.items.data[0];
  if (item === undefined) throw new Error(`${subscription.id} has no item`);
  return item;
}

export function withItem(subscription: Subscription, change: Partial<SubscriptionItem>): Subscription["items"] {
  return { ...subscription.items, data: [{ ...itemOf(subscription), ...change }] };
}

/** Seconds since 1970 of the next period's beginning; a month's end stays in the month, as at Stripe. */
export function addInterval(from: number, price: Price): number {
  const date = new Date(from * 1000);
  const count = price.recurring?.interval_count ?? 1;
  switch (price.recurring?.interval) {
    case "day":
      return from + count * 86_400;
    case "week":
      return from + count * 7 * 86_400;
    case "year":
      return addMonths(date, 12 * count);
    default:
      return addMonths(date, count);
  }
}

function addMonths(date: Date, months: number): number {
  const target = new Date(date);
  target.setUTCDate(1);
  target.setUTCMonth(target.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(target.getUTCFullYear(), target.getUTCMonth() + 1, 0)).getUTCDate();
  target.setUTCDate(Math.min(date.getUTCDate(), lastDay));
  return Math.floor(target.getTime() / 1000);
}
