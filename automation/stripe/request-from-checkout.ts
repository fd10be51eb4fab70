import type { Stripe } from "stripe";
import { z } from "zod";
import { Subdomain } from "../../components/tenant/subdomain.ts";
import type { TenantExtras } from "../tenants/tenant.ts";
import { odooLanguage } from "./language.ts";
import { planOf, type PlanByPrice } from "./plan.ts";
import { proposals } from "./proposed-name.ts";
import type { Subscription } from "./subscription.ts";

/** What Stripe knows about a subscription that has no tenant yet. */
export interface Origin {
  readonly subscription: Subscription;
  /** The newest that led to it; none when it was made by the API or the dashboard. */
  readonly session: Stripe.Checkout.Session | undefined;
  readonly customer: Stripe.Customer | undefined;
}

export interface TenantRequest {
  readonly name: NameWish;
  readonly planType: string;
  readonly customerEmail: string;
  readonly customerId: string;
  readonly clientReferenceId: string | undefined;
  readonly settings: TenantExtras;
  /** For the operator. */
  readonly notes: readonly string[];
}

/** A name that somebody chose is taken as it is or not at all; a proposed one gives way to the next. */
export type NameWish =
  | { readonly kind: "chosen"; readonly name: string; readonly where: string }
  | { readonly kind: "proposed"; readonly names: readonly string[] };

/** Why no request can be made of it, for the operator who has to see to it. */
export interface CannotRequest {
  readonly kind: "price-unknown" | "email-missing";
  readonly detail: string;
  readonly remedy: string;
}

/** Pure. Empty texts count as missing. */
export function requestFromCheckout(origin: Origin, prices: PlanByPrice): TenantRequest | CannotRequest {
  const { subscription, session, customer } = origin;
  const details = session?.customer_details ?? undefined;
  const plan = planOf(subscription, session?.metadata ?? null, prices);
  if (plan === undefined) return unknownPrice(subscription);

  const addresses = [session?.customer_email, details?.email, customer?.email].map(text);
  const email = addresses.find((one) => z.email().safeParse(one).success);
  if (email === undefined) {
    const wrong = addresses.find((one) => one !== undefined);
    const found = wrong === undefined ? "" : ` "${wrong}" is none.`;
    return {
      kind: "email-missing",
      detail: `Subscription ${subscription.id} is paid, but neither its checkout nor its customer ${subscription.customerId} has an email address for the first login.${found}`,
      remedy: "Enter the customer's email address in Stripe; the tenant is made within minutes.",
    };
  }
  const company = [
    subscription.metadata["company"],
    session?.metadata?.["company"],
    details?.business_name,
    session?.collected_information?.business_name,
    customer?.business_name,
  ]
    .map(text)
    .find((one) => one !== undefined);
  const person = [details?.name, customer?.name].map(text).find((one) => one !== undefined);
  const language = odooLanguage([session?.locale, ...(customer?.preferred_locales ?? [])]);
  const country = [details?.address?.country, customer?.address?.country]
    .map(text)
    .find((one) => /^[A-Z]{2}$/.test(one ?? ""));
  const companyName = (company ?? person)?.slice(0, 200);
  return {
    name: nameOf(origin, [company, person]),
    planType: plan.plan,
    customerEmail: email,
    customerId: subscription.customerId,
    clientReferenceId: text(session?.client_reference_id),
    settings: {
      ...(companyName === undefined ? {} : { companyName }),
      ...(language === undefined ? {} : { language }),
      ...(country === undefined ? {} : { country }),
    },
    notes: plan.notes,
  };
}

export function unknownPrice(subscription: Subscription): CannotRequest {
  const items = subscription.items.map(({ price, product }) => `${price} (${product})`).join(", ");
  return {
    kind: "price-unknown",
    detail: `Subscription ${subscription.id} pays for ${items === "" ? "nothing" : items}, which is no plan of the platform.`,
    remedy: 'Add the price or its product to STRIPE_PRICES, or set the metadata "plan" of the subscription in Stripe.',
  };
}

/**
 * The metadata of the subscription goes first, because an operator can correct it in Stripe's dashboard; the session's
 * cannot be changed there.
 */
function nameOf({ subscription, session }: Origin, companies: readonly (string | undefined)[]): NameWish {
  const chosen = [
    { name: subscription.metadata["subdomain"], where: "the subscription's metadata" },
    { name: session?.metadata?.["subdomain"], where: "the checkout session's metadata" },
    { name: customField(session), where: "the checkout's field" },
  ];
  for (const { name, where } of chosen) {
    const given = text(name);
    // Host names know no case, and a customer's keyboard may begin with a capital letter.
    if (given !== undefined) return { kind: "chosen", name: given.toLowerCase(), where };
  }
  const reference = text(session?.client_reference_id);
  const names = [...proposals(companies, subscription.id)];
  if (reference === undefined || !Subdomain.safeParse(reference).success) return { kind: "proposed", names };
  return {
    kind: "proposed",
    names: [reference, ...proposals([reference, ...companies], subscription.id)].filter(
      (name, index, all) => all.indexOf(name) === index,
    ),
  };
}

/** A custom field of the checkout with the key `subdomain`. */
function customField(session: Stripe.Checkout.Session | undefined): string | null | undefined {
  const field = session?.custom_fields.find(({ key }) => key === "subdomain");
  return field?.text?.value ?? field?.dropdown?.value ?? field?.numeric?.value;
}

/** Control characters are nobody's name, and PostgreSQL refuses the first of them, and halves of surrogate pairs. */
function text(value: string | null | undefined): string | undefined {
  const trimmed = value
    ?.toWellFormed()
    .replaceAll(/\p{Cc}/gu, " ")
    .trim();
  return trimmed === "" ? undefined : trimmed;
}
