import type { Stripe } from "stripe";

/** An object as it travels: the package's types with decimals as the strings they are in JSON. */
export type Wire<T> = T extends Stripe.Decimal
  ? string
  : T extends string // also "any other string" of the package's types
    ? T
    : T extends readonly (infer Item)[]
      ? Wire<Item>[]
      : T extends object
        ? { [K in keyof T]: Wire<T[K]> }
        : T;

/** What Stripe shows as an id unless it is asked to expand it is kept as an id. */
type WithIds<T, K extends keyof T> = Omit<T, K> & { [P in K]: Extract<T[P], string | null> };

export type Customer = Wire<Stripe.Customer>;
export type Product = Wire<Stripe.Product>;
export type Price = WithIds<Wire<Stripe.Price>, "product">;
export type SubscriptionItem = WithIds<Wire<Stripe.SubscriptionItem>, never> & { price: Price };
export type Subscription = WithIds<
  Wire<Stripe.Subscription>,
  "customer" | "latest_invoice" | "default_payment_method"
> & { items: { data: SubscriptionItem[] } };
export type Invoice = WithIds<Wire<Stripe.Invoice>, "customer">;
export type CheckoutSession = WithIds<Wire<Stripe.Checkout.Session>, "customer" | "subscription" | "invoice">;
export type WebhookEndpoint = Wire<Stripe.WebhookEndpoint>;
