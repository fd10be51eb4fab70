import { invalidRequest } from "../errors.ts";
import { CARD_THAT_FAILS } from "../objects/customer.ts";
import { newInvoice, subscriptionOf, type InvoiceInput } from "../objects/invoice.ts";
import { itemOf } from "../objects/subscription.ts";
import type { Invoice, Subscription } from "../wire.ts";
import { DAY, type Account } from "./account.ts";

/** Changes a subscription and tells of it, when anything did change. */
export function changeSubscription(account: Account, id: string, change: Partial<Subscription>): Subscription {
  const { after, previous } = account.world.update("subscription", account.world.get("subscription", id), change);
  if (previous !== undefined) account.world.emit("customer.subscription.updated", after, previous);
  return after;
}

/** Makes a draft for a period; it becomes the subscription's latest invoice. */
export function draftInvoice(
  account: Account,
  subscription: Subscription,
  billingReason: InvoiceInput["billingReason"],
  amount?: number,
): Invoice {
  const { world } = account;
  const customer = world.get("customer", subscription.customer, "customer");
  const sequence = customer.next_invoice_sequence ?? 1;
  world.put("customer", customer.id, { ...customer, next_invoice_sequence: sequence + 1 });
  const item = itemOf(subscription);
  const id = world.newId("in_");
  const invoice = newInvoice(id, world.newId("il_"), world.seconds(), {
    subscription,
    customer,
    number: `${customer.invoice_prefix ?? "SANDBOX"}-${String(sequence).padStart(4, "0")}`,
    billingReason,
    amount: amount ?? (item.price.unit_amount ?? 0) * (item.quantity ?? 1),
    periodStart: item.current_period_start,
    periodEnd: item.current_period_end,
    hostedUrl: account.pageUrl(`/i/${id}`),
  });
  world.put("invoice", id, invoice);
  world.put("subscription", subscription.id, { ...world.get("subscription", subscription.id), latest_invoice: id });
  world.emit("invoice.created", invoice);
  return invoice;
}

/** Open for payment; nothing to pay is paid at once. */
export function finalizeInvoice(account: Account, invoice: Invoice): Invoice {
  if (invoice.status !== "draft")
    throw invalidRequest("This invoice is already finalized, you can't re-finalize a non-draft invoice.");
  const at = account.world.seconds();
  const open = changeInvoice(account, invoice, {
    status: "open",
    effective_at: at,
    status_transitions: { ...invoice.status_transitions, finalized_at: at },
  });
  account.world.emit("invoice.finalized", open);
  return open.amount_due === 0 ? markPaid(account, open) : open;
}

/** Charges the payment method. Says whether the money came. */
export function attemptPayment(account: Account, invoice: Invoice): boolean {
  const { world } = account;
  if (payable(account, invoice)) {
    markPaid(account, changeInvoice(account, invoice, { attempted: true, attempt_count: invoice.attempt_count + 1 }));
    return true;
  }
  const attempts = invoice.attempt_count + 1;
  const isFirst = invoice.billing_reason === "subscription_create"; // never retried: the customer is there and tries again
  const wait = isFirst ? undefined : account.paymentRetryDays[attempts - 1];
  const failed = changeInvoice(account, invoice, {
    attempted: true,
    attempt_count: attempts,
    next_payment_attempt: wait === undefined ? null : world.seconds() + wait * DAY,
  });
  world.emit("invoice.payment_failed", failed);
  return false;
}

/** What stays open is paid; a subscription that waited for its latest invoice is active again. */
export function markPaid(account: Account, invoice: Invoice): Invoice {
  const { world } = account;
  if (invoice.status === "paid") throw invalidRequest("Invoice is already paid");
  if (invoice.status === "void") throw invalidRequest("This invoice can no longer be paid: it is void.");
  const paid = changeInvoice(account, invoice, {
    status: "paid",
    attempted: true,
    amount_paid: invoice.amount_due,
    amount_remaining: 0,
    next_payment_attempt: null,
    status_transitions: { ...invoice.status_transitions, paid_at: world.seconds() },
  });
  world.emit("invoice.paid", paid);
  world.emit("invoice.payment_succeeded", paid);
  const subscription = world.find("subscription", subscriptionOf(paid) ?? "");
  if (subscription?.latest_invoice === paid.id && ["incomplete", "past_due", "unpaid"].includes(subscription.status)) {
    changeSubscription(account, subscription.id, { status: "active" });
  }
  return paid;
}

export function voidInvoice(account: Account, invoice: Invoice): Invoice {
  if (invoice.status === "paid") throw invalidRequest("You cannot void an invoice that has been paid.");
  const voided = changeInvoice(account, invoice, {
    status: "void",
    next_payment_attempt: null,
    status_transitions: { ...invoice.status_transitions, voided_at: account.world.seconds() },
  });
  account.world.emit("invoice.voided", voided);
  return voided;
}

export function markUncollectible(account: Account, invoice: Invoice): Invoice {
  const written = changeInvoice(account, invoice, {
    status: "uncollectible",
    next_payment_attempt: null,
    status_transitions: { ...invoice.status_transitions, marked_uncollectible_at: account.world.seconds() },
  });
  account.world.emit("invoice.marked_uncollectible", written);
  return written;
}

/** Invoices of a subscription that wait for payment, newest first. */
export function openInvoices(account: Account, subscription: string): Invoice[] {
  return account.world
    .list("invoice")
    .filter((invoice) => invoice.status === "open" && subscriptionOf(invoice) === subscription);
}

/** Whether the card on file would pay now. */
function payable({ world }: Account, invoice: Invoice): boolean {
  const subscription = world.find("subscription", subscriptionOf(invoice) ?? "");
  const method =
    subscription?.default_payment_method ??
    world.find("customer", invoice.customer ?? "")?.invoice_settings.default_payment_method ??
    null;
  return method !== null && method !== CARD_THAT_FAILS;
}

function changeInvoice({ world }: Account, invoice: Invoice, change: Partial<Invoice>): Invoice {
  return world.update("invoice", invoice, change).after;
}
