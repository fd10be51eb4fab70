import { invalidRequest } from "../errors.ts";
import { subscriptionOf } from "../objects/invoice.ts";
import { itemOf } from "../objects/subscription.ts";
import type { CheckoutSession, Invoice, Subscription } from "../wire.ts";
import { HOUR, type Account } from "./account.ts";
import { changeSubscription, openInvoices, voidInvoice } from "./invoicing.ts";
import { cancelSubscription, pauseSubscription, renewSubscription, retryPayment } from "./subscriptions.ts";

interface Due {
  /** Seconds since 1970. */
  readonly at: number;
  readonly run: () => void;
}

/** The first payment must come within this time: https://docs.stripe.com/billing/subscriptions/overview */
const INCOMPLETE_FOR = 23 * HOUR;

/** Lets everything happen that has become due, each at its own time and in order. */
export function runDue(account: Account, until = account.world.now()): void {
  for (let steps = 0; ; steps++) {
    const due = nextDue(account);
    if (due === undefined || due.at * 1000 > until) return;
    if (steps > 100_000) throw invalidRequest("Too much becomes due in that time; move the clock in smaller steps.");
    account.world.at(due.at * 1000, due.run);
  }
}

/** Moves the clock forward and lets happen what falls into that time. */
export function advance(account: Account, milliseconds: number): void {
  runDue(account, account.world.now() + milliseconds);
  account.world.moveClock(milliseconds);
}

function nextDue(account: Account): Due | undefined {
  let first: Due | undefined;
  const consider = (due: Due | undefined): void => {
    if (due !== undefined && (first === undefined || due.at < first.at)) first = due;
  };
  for (const subscription of account.world.list("subscription").toReversed())
    consider(ofSubscription(account, subscription));
  for (const invoice of account.world.list("invoice").toReversed()) consider(ofInvoice(account, invoice));
  for (const session of account.world.list("checkout.session").toReversed()) consider(ofSession(account, session));
  return first;
}

function ofSubscription(account: Account, subscription: Subscription): Due | undefined {
  const { id, status, cancel_at: cancelAt } = subscription;
  const periodEnd = itemOf(subscription).current_period_end;
  const resumesAt = subscription.pause_collection?.resumes_at ?? null;
  switch (status) {
    case "incomplete":
      return { at: subscription.created + INCOMPLETE_FOR, run: () => expire(account, id) };
    case "trialing":
    case "active":
    case "past_due":
    case "unpaid":
      if (resumesAt !== null && resumesAt <= periodEnd)
        return { at: resumesAt, run: () => void changeSubscription(account, id, { pause_collection: null }) };
      if (cancelAt !== null && cancelAt <= periodEnd)
        return { at: cancelAt, run: () => void cancelSubscription(account, id) };
      return { at: periodEnd, run: () => endPeriod(account, id) };
    default:
      return undefined;
  }
}

function endPeriod(account: Account, id: string): void {
  const subscription = account.world.get("subscription", id);
  const behavior = subscription.trial_settings?.end_behavior.missing_payment_method;
  const customer = account.world.get("customer", subscription.customer);
  const unpayable =
    subscription.default_payment_method === null && customer.invoice_settings.default_payment_method === null;
  if (subscription.status === "trialing" && unpayable && behavior === "cancel") cancelSubscription(account, id);
  else if (subscription.status === "trialing" && unpayable && behavior === "pause")
    pauseSubscription(account, id, "trial_end_without_payment_method");
  else renewSubscription(account, id);
}

function expire(account: Account, id: string): void {
  for (const invoice of openInvoices(account, id)) voidInvoice(account, invoice);
  changeSubscription(account, id, { status: "incomplete_expired", ended_at: account.world.seconds() });
}

function ofInvoice(account: Account, invoice: Invoice): Due | undefined {
  if (invoice.status !== "open") return undefined;
  if (invoice.next_payment_attempt !== null)
    return { at: invoice.next_payment_attempt, run: () => retryPayment(account, invoice.id) };
  const id = subscriptionOf(invoice);
  const subscription = id === undefined ? undefined : account.world.find("subscription", id);
  if (invoice.due_date === null || subscription?.status !== "active" || subscription.latest_invoice !== invoice.id)
    return undefined;
  return { at: invoice.due_date, run: () => void changeSubscription(account, subscription.id, { status: "past_due" }) };
}

function ofSession(account: Account, session: CheckoutSession): Due | undefined {
  if (session.status !== "open") return undefined;
  return { at: session.expires_at, run: () => expireSession(account, session.id) };
}

export function expireSession(account: Account, id: string): CheckoutSession {
  const session = account.world.get("checkout.session", id);
  if (session.status !== "open")
    throw invalidRequest('Only Checkout Sessions with a status in ["open"] can be expired.');
  const { after } = account.world.update("checkout.session", session, { status: "expired", url: null });
  account.world.emit("checkout.session.expired", after);
  return after;
}
