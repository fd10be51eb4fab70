import { z } from "zod";
import type { Account } from "./billing/account.ts";
import { completeSession } from "./billing/checkout.ts";
import { attemptPayment, finalizeInvoice, openInvoices } from "./billing/invoicing.ts";
import {
  cancelSubscription,
  pauseSubscription,
  renewSubscription,
  resumeSubscription,
  retryPayment,
} from "./billing/subscriptions.ts";
import { invalidRequest } from "./errors.ts";
import { CARD_THAT_FAILS, CARD_THAT_PAYS } from "./objects/customer.ts";
import { subscriptionOf } from "./objects/invoice.ts";
import { withItem } from "./objects/subscription.ts";
import { openSession } from "./routes/checkout-sessions.ts";
import type { CheckoutSession, Subscription } from "./wire.ts";

/** What the doors and the page do, in a customer's or the bank's place. */
export const Checkout = z.strictObject({
  /** Put into the session's and the subscription's metadata; without it the server proposes one from the company's name. */
  subdomain: z.string().optional(),
  plan: z.string(),
  email: z.string(),
  company: z.string().optional(),
  /** ISO 3166-1 alpha-2. */
  country: z.string().optional(),
  locale: z.string().optional(),
  /** Default: the subdomain. */
  client_reference_id: z.string().optional(),
  trial_days: z.number().int().min(1).optional(),
  /** `later` is a bank debit: the session completes unpaid; see `settle`. */
  payment: z.enum(["now", "later"]).default("now"),
});

/** A customer, a subscription and a session that is paid, with their events. */
export function payCheckout(account: Account, input: z.infer<typeof Checkout>): CheckoutSession {
  const prices = account.world.list("price");
  const price = prices.find((one) => one.nickname === input.plan);
  if (price === undefined)
    throw invalidRequest(
      `There is no price for the plan "${input.plan}": use one of ${prices.map((one) => one.nickname).join(", ")}.`,
      { param: "plan" },
    );
  const subdomain = input.subdomain === undefined ? {} : { subdomain: input.subdomain };
  const session = openSession(account, {
    mode: "subscription",
    line_items: [{ price: price.id }],
    customer_email: input.email,
    client_reference_id: input.client_reference_id ?? input.subdomain,
    locale: input.locale,
    metadata: { ...subdomain, plan: input.plan },
    subscription_data: { metadata: subdomain, trial_period_days: input.trial_days },
  });
  return completeSession(account, session.id, {
    email: input.email,
    company: input.company,
    country: input.country,
    payment: input.payment,
  });
}

/** The card is refused from now on, and the next payment is due at once. */
export function failPayment(account: Account, id: string): Subscription {
  const { world } = account;
  const subscription = useCard(account, id, CARD_THAT_FAILS);
  const [invoice] = openInvoices(account, id);
  if (invoice !== undefined) retryPayment(account, invoice.id);
  else if (["active", "trialing"].includes(subscription.status)) {
    world.put("subscription", id, {
      ...subscription,
      items: withItem(subscription, { current_period_end: world.seconds() }),
    });
    renewSubscription(account, id);
  } else throw invalidRequest(`Nothing is to be paid: the subscription is ${subscription.status}.`);
  return world.get("subscription", id);
}

/** The card is good from now on, and what is owed is paid, the oldest first. */
export function payOwed(account: Account, id: string): Subscription {
  const { world } = account;
  useCard(account, id, CARD_THAT_PAYS);
  const drafts = world
    .list("invoice")
    .filter((invoice) => invoice.status === "draft" && subscriptionOf(invoice) === id);
  for (const draft of drafts) finalizeInvoice(account, draft);
  for (const invoice of openInvoices(account, id).toReversed()) attemptPayment(account, invoice);
  return world.get("subscription", id);
}

/** By name, for doors and buttons. */
export const SUBSCRIPTION_ACTIONS: Readonly<Record<string, (account: Account, id: string) => Subscription>> = {
  pay: payOwed,
  fail: failPayment,
  cancel: (account, id) => cancelSubscription(account, id),
  pause: (account, id) => pauseSubscription(account, id),
  resume: (account, id) => resumeSubscription(account, id),
};

function useCard({ world }: Account, id: string, card: string): Subscription {
  const subscription = world.get("subscription", id);
  const customer = world.get("customer", subscription.customer, "customer");
  world.put("customer", customer.id, {
    ...customer,
    invoice_settings: { ...customer.invoice_settings, default_payment_method: card },
  });
  if (subscription.default_payment_method !== null)
    world.put("subscription", id, { ...subscription, default_payment_method: null });
  return world.get("subscription", id);
}
