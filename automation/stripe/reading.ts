import { Stripe } from "stripe";
import type { StripeDeps } from "./deps.ts";
import type { Origin } from "./request-from-checkout.ts";
import { readSubscription, UnreadableSubscription, type Subscription } from "./subscription.ts";

/** What Stripe says about a subscription now. Errors that may pass (outage, rate limit) are thrown instead. */
export type Reading =
  | { readonly kind: "read"; readonly subscription: Subscription }
  | { readonly kind: "missing" }
  | { readonly kind: "unreadable"; readonly error: UnreadableSubscription };

export async function readFromStripe({ stripe }: Pick<StripeDeps, "stripe">, id: string): Promise<Reading> {
  try {
    const subscription = await stripe.subscriptions.retrieve(id, { expand: ["latest_invoice"] });
    const owes = subscription.status === "past_due" || subscription.status === "unpaid";
    const open = owes ? (await stripe.invoices.list({ subscription: id, status: "open", limit: 100 })).data : [];
    return { kind: "read", subscription: readSubscription(subscription, open) };
  } catch (error) {
    if (error instanceof UnreadableSubscription) return { kind: "unreadable", error };
    if (isMissing(error)) return { kind: "missing" };
    throw error;
  }
}

/** What led to a subscription, and whether an invoice of it was ever paid (a trial's of nothing counts). */
export interface PaidOrigin extends Origin {
  readonly paid: boolean;
}

export async function readOrigin(
  { stripe }: Pick<StripeDeps, "stripe">,
  subscription: Subscription,
): Promise<PaidOrigin> {
  const [sessions, invoices, customer] = await Promise.all([
    stripe.checkout.sessions.list({ subscription: subscription.id, limit: 1 }),
    stripe.invoices.list({ subscription: subscription.id, status: "paid", limit: 1 }),
    customerOf(stripe, subscription.customerId),
  ]);
  return { subscription, session: sessions.data[0], customer, paid: invoices.data.length > 0 };
}

async function customerOf(stripe: StripeDeps["stripe"], id: string): Promise<Stripe.Customer | undefined> {
  try {
    const customer = await stripe.customers.retrieve(id);
    return customer.deleted === true ? undefined : customer;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeInvalidRequestError && error.statusCode === 404;
}
