import assert from "node:assert/strict";
import { test } from "node:test";
import type { Stripe } from "stripe";
import {
  requestFromCheckout,
  type Origin,
  type TenantRequest,
} from "../../../automation/stripe/request-from-checkout.ts";
import type { Subscription } from "../../../automation/stripe/subscription.ts";

const PRICES = new Map([
  ["price_s", "starter"],
  ["prod_b", "business"],
]);

/** Only what is read; everything else of Stripe's objects is left out. */
interface Given {
  subscription?: Partial<Subscription>;
  session?: Record<string, unknown>;
  customer?: Record<string, unknown>;
}

function origin({ subscription, session, customer }: Given): Origin {
  return {
    subscription: {
      id: "sub_1",
      createdAt: new Date(0),
      customerId: "cus_1",
      billing: { status: "active", collection: null, cancelAt: null },
      items: [{ price: "price_s", product: "prod_s", lookupKey: null, quantity: 1 }],
      metadata: {},
      paysByInvoice: false,
      ...subscription,
    },
    session:
      session === undefined
        ? undefined
        : ({ custom_fields: [], metadata: {}, ...session } as unknown as Stripe.Checkout.Session),
    customer: customer as unknown as Stripe.Customer | undefined,
  };
}

function request(given: Given): TenantRequest {
  const made = requestFromCheckout(origin(given), PRICES);
  assert.ok("name" in made, JSON.stringify(made));
  return made;
}

const paid = { customer_email: "anna@example.com" };

test("a chosen name is looked for in the metadata, then in the checkout's field", () => {
  const field = [{ key: "subdomain", type: "text", text: { value: " Acme " } }];
  const chosen = (given: Given): unknown => request(given).name;
  assert.deepEqual(chosen({ session: { ...paid, custom_fields: field } }), {
    kind: "chosen",
    name: "acme",
    where: "the checkout's field",
  });
  assert.deepEqual(chosen({ session: { ...paid, custom_fields: field, metadata: { subdomain: "meta" } } }), {
    kind: "chosen",
    name: "meta",
    where: "the checkout session's metadata",
  });
  assert.deepEqual(
    chosen({
      subscription: { metadata: { subdomain: "corrected" } },
      session: { ...paid, metadata: { subdomain: "taken" } },
    }),
    {
      kind: "chosen",
      name: "corrected",
      where: "the subscription's metadata",
    },
  );
});

test("without a chosen name the reference is proposed when it can be one, then the company's name, then the person's", () => {
  const first = (given: Given): string | undefined => {
    const { name } = request(given);
    assert.equal(name.kind, "proposed");
    return name.kind === "proposed" ? name.names[0] : undefined;
  };
  assert.equal(first({ session: { ...paid, client_reference_id: "acme" } }), "acme");
  assert.equal(
    first({ session: { ...paid, client_reference_id: "cart_17", customer_details: { business_name: "Acme Ltd" } } }),
    "acme-ltd",
  );
  assert.equal(first({ session: { ...paid, customer_details: { name: "Anna Ek" } } }), "anna-ek");
  assert.equal(first({ customer: { email: "a@example.com", business_name: "Beta", name: "Anna" } }), "beta");
  assert.match(first({ session: paid }) ?? "", /^tenant-/);
});

test("the plan is the price's, and metadata counts where the price is unknown", () => {
  const plan = (given: Given): string => request(given).planType;
  const unknown = [{ price: "price_x", product: "prod_x", lookupKey: null, quantity: 1 }];
  assert.equal(plan({ session: { ...paid, metadata: { plan: "business" } } }), "starter");
  assert.equal(
    plan({
      session: paid,
      subscription: { items: [{ price: "price_x", product: "prod_b", lookupKey: null, quantity: 1 }] },
    }),
    "business",
  );
  assert.equal(
    plan({ session: { ...paid, metadata: { plan: "business" } }, subscription: { items: unknown } }),
    "business",
  );
  const refused = requestFromCheckout(origin({ session: paid, subscription: { items: unknown } }), PRICES);
  assert.ok("kind" in refused && refused.kind === "price-unknown");
  assert.match(refused.remedy, /STRIPE_PRICES/);
});

test("a quantity and further items make no difference, and are noted", () => {
  const { planType, notes } = request({
    session: paid,
    subscription: {
      items: [
        { price: "price_s", product: "prod_s", lookupKey: null, quantity: 3 },
        { price: "price_x", product: "prod_b", lookupKey: null, quantity: 1 },
      ],
    },
  });
  assert.equal(planType, "starter");
  assert.match(notes.join(), /quantity 3 makes no difference/);
  assert.match(notes.join(), /further plans \(business\)/);
});

test("address, language and country come from the checkout, else from the customer", () => {
  const made = request({
    session: {
      customer_email: null,
      customer_details: { email: "b@example.com", business_name: "Acme", address: { country: "CA" } },
      locale: "fr-CA",
    },
    customer: { email: "c@example.com", preferred_locales: ["de"], address: { country: "DE" } },
  });
  assert.equal(made.customerEmail, "b@example.com");
  assert.deepEqual(made.settings, { companyName: "Acme", language: "fr_CA", country: "CA" });
  const fallback = request({
    session: { locale: "auto" },
    customer: { email: "c@example.com", preferred_locales: ["de-AT"], address: { country: "DE" } },
  });
  assert.deepEqual(fallback.settings, { language: "de_DE", country: "DE" });
  assert.equal(fallback.customerEmail, "c@example.com");
});

test("control characters are no part of a name", () => {
  const made = request({ session: { ...paid, customer_details: { business_name: "Ac\0me\nLtd\0" } } });
  assert.equal(made.settings.companyName, "Ac me Ltd");
});

test("a paid subscription without an address is for an operator", () => {
  const refused = requestFromCheckout(origin({ session: { customer_email: "nonsense" } }), PRICES);
  assert.ok("kind" in refused && refused.kind === "email-missing");
  assert.match(refused.detail, /first login\. "nonsense" is none\.$/);
});
