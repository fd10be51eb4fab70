import type { Stripe } from "stripe";
import { z } from "zod";
import { FieldError } from "../../components/field-error.ts";
import type { CollectionPause } from "./policy.ts";

/** The package's types allow any other string: Stripe may add some. */
const Status = z.enum([
  "active",
  "canceled",
  "incomplete",
  "incomplete_expired",
  "past_due",
  "paused",
  "trialing",
  "unpaid",
]);
const Behavior: z.ZodType<CollectionPause> = z.enum(["keep_as_draft", "mark_uncollectible", "void"]);

/** What of a subscription decides about its tenant: each state carries only what exists in it. */
export type Billing =
  | { readonly status: "trialing"; readonly collection: PausedCollection | null; readonly cancelAt: Date | null }
  | { readonly status: "active"; readonly collection: PausedCollection | null; readonly cancelAt: Date | null }
  | { readonly status: "past_due"; readonly unpaidSince: Date; readonly collection: PausedCollection | null }
  | { readonly status: "unpaid"; readonly unpaidSince: Date }
  | { readonly status: "paused"; readonly onlyTrial: boolean }
  | { readonly status: "incomplete" }
  | { readonly status: "incomplete_expired"; readonly endedAt: Date }
  | { readonly status: "canceled"; readonly endedAt: Date; readonly onlyTrial: boolean };

export interface PausedCollection {
  readonly behavior: CollectionPause;
  /** Null: until somebody resumes it. */
  readonly resumesAt: Date | null;
}

/** A price that a subscription's item has. */
export interface PricedItem {
  readonly price: string;
  readonly product: string;
  readonly lookupKey: string | null;
  readonly quantity: number;
}

export interface Subscription {
  readonly id: string;
  readonly customerId: string;
  readonly createdAt: Date;
  readonly billing: Billing;
  readonly items: readonly PricedItem[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Paid against an invoice by its due date, instead of by a card on file. */
  readonly paysByInvoice: boolean;
}

/** Stripe says something that this program does not know. Never a reason to suspend anybody. */
export class UnreadableSubscription extends FieldError {
  constructor(id: string, field: string, value: unknown) {
    super(`subscription ${id} has ${field} ${JSON.stringify(value)}, which this server does not know`, {
      field: `subscription.${field}`,
      value,
      remedy: "Upgrade the server; until then the tenant stays as it is.",
    });
  }
}

/**
 * From the subscription as Stripe shows it now, with `latest_invoice` expanded, and its open invoices (needed only when
 * it is past due or unpaid). All times are Stripe's: the same objects give the same answer whenever they are read.
 */
export function readSubscription(
  subscription: Stripe.Subscription,
  openInvoices: readonly Stripe.Invoice[],
): Subscription {
  return {
    id: subscription.id,
    customerId: idOf(subscription.customer),
    createdAt: date(subscription.created),
    billing: readBilling(subscription, openInvoices),
    items: subscription.items.data.map((item) => ({
      price: item.price.id,
      product: idOf(item.price.product),
      lookupKey: item.price.lookup_key,
      quantity: item.quantity ?? 1,
    })),
    metadata: subscription.metadata,
    paysByInvoice: subscription.collection_method === "send_invoice",
  };
}

function readBilling(subscription: Stripe.Subscription, openInvoices: readonly Stripe.Invoice[]): Billing {
  const { id } = subscription;
  const known = Status.safeParse(subscription.status);
  if (!known.success) throw new UnreadableSubscription(id, "status", subscription.status);
  const status = known.data;
  const ended = (): Date => {
    const at = subscription.ended_at ?? subscription.canceled_at;
    if (at === null) throw new UnreadableSubscription(id, "ended_at", null);
    return date(at);
  };
  switch (status) {
    case "trialing":
    case "active":
      return { status, collection: readCollection(subscription), cancelAt: dateOrNull(subscription.cancel_at) };
    case "past_due":
      return { status, unpaidSince: unpaidSince(subscription, openInvoices), collection: readCollection(subscription) };
    case "unpaid":
      return { status, unpaidSince: unpaidSince(subscription, openInvoices) };
    case "paused":
      return {
        status,
        onlyTrial: subscription.status_details?.paused.subscription.type === "trial_end_without_payment_method",
      };
    case "incomplete":
      return { status };
    case "incomplete_expired":
      return { status, endedAt: ended() };
    case "canceled":
      return {
        status,
        endedAt: ended(),
        onlyTrial: subscription.trial_end !== null && ended() <= date(subscription.trial_end),
      };
    default:
      throw new UnreadableSubscription(id, "status", status satisfies never);
  }
}

/**
 * Since when money is owed: the oldest open invoice's due date, or its first attempt to charge. A newer invoice, made
 * while the older one is still open, does not give new grace.
 */
function unpaidSince(subscription: Stripe.Subscription, openInvoices: readonly Stripe.Invoice[]): Date {
  const latest = typeof subscription.latest_invoice === "object" ? subscription.latest_invoice : null;
  const invoices = openInvoices.length > 0 || latest === null ? openInvoices : [latest];
  const since = invoices.map(
    (invoice) => invoice.due_date ?? invoice.status_transitions.finalized_at ?? invoice.created,
  );
  const period = subscription.items.data[0]?.current_period_start ?? subscription.created;
  return date(since.length > 0 ? Math.min(...since) : period);
}

function readCollection({ id, pause_collection: pause }: Stripe.Subscription): PausedCollection | null {
  if (pause === null) return null;
  const behavior = Behavior.safeParse(pause.behavior);
  if (!behavior.success) throw new UnreadableSubscription(id, "pause_collection.behavior", pause.behavior);
  return { behavior: behavior.data, resumesAt: dateOrNull(pause.resumes_at) };
}

export function idOf(reference: string | { readonly id: string }): string {
  return typeof reference === "string" ? reference : reference.id;
}

function date(seconds: number): Date {
  return new Date(seconds * 1000);
}

function dateOrNull(seconds: number | null): Date | null {
  return seconds === null ? null : date(seconds);
}
