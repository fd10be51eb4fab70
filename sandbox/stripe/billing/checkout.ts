import { invalidRequest } from "../errors.ts";
import { CARD_THAT_FAILS, CARD_THAT_PAYS, newCustomer } from "../objects/customer.ts";
import type { CheckoutSession } from "../wire.ts";
import type { Account } from "./account.ts";
import { attemptPayment, changeSubscription, markPaid } from "./invoicing.ts";
import { createSubscription } from "./subscriptions.ts";

/** What a customer enters on the payment page. */
export interface Payer {
  email?: string | undefined;
  name?: string | undefined;
  company?: string | undefined;
  country?: string | undefined;
  /** By the custom field's key. */
  fields?: Record<string, string> | undefined;
  /** `later` is a bank debit: the session completes unpaid, and the money comes, or not, days later. */
  payment: "now" | "later";
}

/** Completes an open session: customer, subscription, first invoice, and the session's own events. */
export function completeSession(account: Account, id: string, payer: Payer): CheckoutSession {
  const { world } = account;
  const order = world.get("order", id);
  const session = world.get("checkout.session", id);
  if (session.status !== "open")
    throw invalidRequest(`This Checkout Session is ${session.status ?? "gone"}; it cannot be paid again.`);
  const email = payer.email ?? session.customer_email ?? undefined;
  if (session.customer === null && email === undefined)
    throw invalidRequest("An email address is required.", { code: "parameter_missing", param: "email" });
  const customFields = session.custom_fields.map((field) => withValue(field, payer.fields?.[field.key]));

  const customerId = typeof session.customer === "string" ? session.customer : register(account, { ...payer, email });
  const customer = world.get("customer", customerId);
  const subscription = createSubscription(account, {
    customer: customerId,
    price: world.get("price", order.price),
    quantity: order.quantity,
    metadata: order.subscriptionMetadata,
    trialEnd: order.trialDays === undefined ? undefined : world.seconds() + order.trialDays * 86_400,
    paymentTakesDays: payer.payment === "later",
  });
  const { after } = world.update("checkout.session", session, {
    status: "complete",
    payment_status:
      payer.payment === "later" && order.trialDays === undefined
        ? "unpaid"
        : order.trialDays === undefined
          ? "paid"
          : "no_payment_required",
    custom_fields: customFields,
    customer: customerId,
    customer_details: {
      address: customer.address ?? null,
      business_name: payer.company ?? null,
      email: email ?? customer.email,
      individual_name: payer.name ?? null,
      name: payer.name ?? payer.company ?? customer.name ?? null,
      phone: null,
      tax_exempt: "none",
      tax_ids: [],
    },
    invoice: subscription.latest_invoice,
    subscription: subscription.id,
    url: null,
  });
  world.emit("checkout.session.completed", after);
  return after;
}

/** The end of a payment that took days. */
export function settleSession(account: Account, id: string, paid: boolean): CheckoutSession {
  const { world } = account;
  const session = world.get("checkout.session", id);
  if (session.status !== "complete" || session.payment_status !== "unpaid")
    throw invalidRequest("No payment of this session is under way.");
  const subscriptionId = session.subscription ?? "";
  const invoice = world.get("invoice", session.invoice ?? "");
  if (paid) {
    markPaid(account, invoice);
    const { after } = world.update("checkout.session", session, { payment_status: "paid" });
    world.emit("checkout.session.async_payment_succeeded", after);
    return after;
  }
  const customer = world.get("customer", session.customer ?? "");
  world.put("customer", customer.id, {
    ...customer,
    invoice_settings: { ...customer.invoice_settings, default_payment_method: CARD_THAT_FAILS },
  });
  attemptPayment(account, invoice);
  changeSubscription(account, subscriptionId, { status: "past_due" });
  world.emit("checkout.session.async_payment_failed", session);
  return session;
}

function register(account: Account, payer: Payer): string {
  const { world } = account;
  const id = world.newId("cus_", 14);
  const customer = newCustomer(id, world.seconds(), {
    email: payer.email,
    name: payer.name ?? payer.company,
    businessName: payer.company,
    country: payer.country,
    paymentMethod: CARD_THAT_PAYS,
  });
  world.put("customer", id, customer);
  world.emit("customer.created", customer);
  return id;
}

function withValue(field: CheckoutSession["custom_fields"][number], value: string | undefined): typeof field {
  if (value === undefined) {
    if (field.optional) return field;
    throw invalidRequest(`The field "${field.key}" must be filled in.`, {
      code: "parameter_missing",
      param: `fields[${field.key}]`,
    });
  }
  const kind = field.type === "numeric" ? "numeric" : field.type === "dropdown" ? "dropdown" : "text";
  const content = field[kind];
  return content === undefined ? field : { ...field, [kind]: { ...content, value } };
}
