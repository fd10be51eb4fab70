import type { Customer, Invoice, Subscription } from "../wire.ts";
import { itemOf } from "./subscription.ts";

export interface InvoiceInput {
  subscription: Subscription;
  customer: Customer;
  number: string;
  billingReason: "subscription_create" | "subscription_cycle" | "subscription_update";
  amount: number;
  periodStart: number;
  periodEnd: number;
  /** Public page where it can be paid. */
  hostedUrl: string;
}

/** A draft. https://docs.stripe.com/api/invoices/object: the subscription is found under `parent`. */
export function newInvoice(id: string, lineId: string, created: number, input: InvoiceInput): Invoice {
  const { subscription, customer, amount } = input;
  const item = itemOf(subscription);
  return {
    id,
    object: "invoice",
    account_country: "FR",
    account_name: "Sandbox",
    account_tax_ids: null,
    amount_due: amount,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_paid_off_stripe: 0,
    amount_remaining: amount,
    amount_shipping: 0,
    application: null,
    attempt_count: 0,
    attempted: false,
    auto_advance: subscription.collection_method === "charge_automatically",
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
    automatically_finalizes_at: null,
    billing_reason: input.billingReason,
    collection_method: subscription.collection_method,
    confirmation_secret: null,
    created,
    currency: subscription.currency,
    custom_fields: null,
    customer: customer.id,
    customer_account: null,
    customer_address: customer.address ?? null,
    customer_email: customer.email,
    customer_name: customer.name ?? null,
    customer_phone: customer.phone ?? null,
    customer_shipping: null,
    customer_tax_exempt: "none",
    customer_tax_ids: [],
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    due_date: subscription.days_until_due === null ? null : created + subscription.days_until_due * 86_400,
    effective_at: null,
    ending_balance: null,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: input.hostedUrl,
    invoice_pdf: null,
    issuer: { type: "self" },
    last_finalization_error: null,
    latest_revision: null,
    lines: {
      object: "list",
      data: [
        {
          id: lineId,
          object: "line_item",
          amount,
          currency: subscription.currency,
          description: `${item.quantity ?? 1} × ${item.price.nickname ?? item.price.id}`,
          discount_amounts: [],
          discountable: true,
          discounts: [],
          invoice: id,
          livemode: false,
          metadata: subscription.metadata,
          parent: {
            invoice_item_details: null,
            subscription_item_details: {
              invoice_item: null,
              proration: false,
              proration_details: { credited_items: null },
              subscription: subscription.id,
              subscription_item: item.id,
            },
            type: "subscription_item_details",
          },
          period: { start: input.periodStart, end: input.periodEnd },
          pretax_credit_amounts: [],
          pricing: {
            price_details: { price: item.price.id, product: item.price.product },
            type: "price_details",
            unit_amount_decimal: item.price.unit_amount_decimal,
          },
          quantity: item.quantity ?? 1,
          quantity_decimal: String(item.quantity ?? 1),
          subscription: subscription.id,
          subtotal: amount,
          taxes: [],
        },
      ],
      has_more: false,
      url: `/v1/invoices/${id}/lines`,
    },
    livemode: false,
    metadata: {},
    next_payment_attempt: null,
    number: input.number,
    on_behalf_of: null,
    parent: {
      quote_details: null,
      subscription_details: { metadata: subscription.metadata, subscription: subscription.id },
      type: "subscription_details",
    },
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    period_end: input.periodEnd,
    period_start: input.periodStart,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: 0,
    statement_descriptor: null,
    status: "draft",
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    subtotal: amount,
    subtotal_excluding_tax: amount,
    test_clock: null,
    total: amount,
    total_discount_amounts: [],
    total_excluding_tax: amount,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: created,
  };
}

/** Id of the subscription that an invoice is for. */
export function subscriptionOf(invoice: Invoice): string | undefined {
  const subscription = invoice.parent?.subscription_details?.subscription;
  return typeof subscription === "string" ? subscription : undefined;
}
