import type { Customer } from "../wire.ts";

/** Payment methods of Stripe's test mode that say how charges end: https://docs.stripe.com/testing */
export const CARD_THAT_PAYS = "pm_card_visa";
export const CARD_THAT_FAILS = "pm_card_chargeCustomerFail";

export interface CustomerInput {
  email?: string | undefined;
  name?: string | undefined;
  businessName?: string | undefined;
  phone?: string | undefined;
  description?: string | undefined;
  country?: string | undefined;
  preferredLocales?: string[] | undefined;
  metadata?: Record<string, string> | undefined;
  paymentMethod?: string | undefined;
}

export function newCustomer(id: string, created: number, input: CustomerInput): Customer {
  return {
    id,
    object: "customer",
    address:
      input.country === undefined
        ? null
        : { city: null, country: input.country, line1: null, line2: null, postal_code: null, state: null },
    balance: 0,
    ...(input.businessName === undefined ? {} : { business_name: input.businessName }),
    created,
    currency: null,
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: input.description ?? null,
    discount: null,
    email: input.email ?? null,
    invoice_prefix: id.slice(-8).toUpperCase(),
    invoice_settings: {
      custom_fields: null,
      default_payment_method: input.paymentMethod ?? null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: input.metadata ?? {},
    name: input.name ?? null,
    next_invoice_sequence: 1,
    phone: input.phone ?? null,
    preferred_locales: input.preferredLocales ?? [],
    shipping: null,
    tax_exempt: "none",
    test_clock: null,
  };
}
