import { z } from "zod";

const Amount = z.number().int().min(0);

/** A price of the emulated account, with the product it belongs to. */
const PriceConfig = z.strictObject({
  id: z.string().regex(/^price_[A-Za-z0-9_]+$/, 'must begin with "price_"'),
  /** Name of the plan; the checkout door and the page choose the price by it. */
  plan: z.string().min(1),
  /** Default: `prod_<plan>`. */
  product: z
    .string()
    .regex(/^prod_[A-Za-z0-9_]+$/, 'must begin with "prod_"')
    .optional(),
  /** Shown on the page and on invoices. Default: the plan's name. */
  name: z.string().min(1).optional(),
  /** In the currency's smallest unit. Default 2900. */
  unitAmount: Amount.default(2900),
  currency: z
    .string()
    .regex(/^[a-z]{3}$/, "must be three lower-case letters (ISO 4217)")
    .default("eur"),
  interval: z.enum(["day", "week", "month", "year"]).default("month"),
});

/** Settings of the emulator. */
export const StripeConfig = z.strictObject({
  /** Address to listen on. The doors for tests need no key, so keep it a loopback address. */
  host: z.string().default("127.0.0.1"),
  /** 0 takes a free one. */
  port: z.number().int().min(0).max(65_535),
  /** The only key accepted, as `Authorization: Bearer`. */
  apiKey: z
    .string()
    .regex(
      /^(sk|rk)_test_[A-Za-z0-9]{10,}$/,
      'must look like a key of Stripe\'s test mode: "sk_test_" and 10 letters or digits',
    ),
  /** Where events are delivered; without it they can only be listed. */
  webhook: z
    .strictObject({
      url: z.url({ protocol: /^https?$/ }),
      secret: z.string().startsWith("whsec_"),
      /** Types that are delivered; all others can only be listed. Default: those that the server handles. */
      events: z.array(z.string()).optional(),
    })
    .optional(),
  /** Journal of all objects; made if missing. */
  stateFile: z.string().min(1),
  prices: z.array(PriceConfig).min(1),
  /** Seconds until each further try of a delivery that failed. Stripe's own stretch over three days. */
  deliveryRetrySeconds: z.array(z.number().min(0)).default([1, 3, 10, 30, 60, 300, 900, 3600]),
  /** What becomes of a subscription when all payment retries have failed (an account setting at Stripe). */
  afterLastRetry: z.enum(["cancel", "unpaid", "past_due"]).default("cancel"),
  /** Days between the tries of a failed payment. Stripe's own are chosen by a model. */
  paymentRetryDays: z.array(z.number().min(0)).default([3, 5, 7]),
});

export type StripeConfig = z.infer<typeof StripeConfig>;
export type PriceConfig = z.infer<typeof PriceConfig>;

/** Types delivered unless the configuration says otherwise. */
export const DELIVERED_EVENTS: readonly string[] = [
  "checkout.session.completed",
  "checkout.session.async_payment_succeeded",
  "checkout.session.async_payment_failed",
  "customer.subscription.created",
  "customer.subscription.updated",
  "customer.subscription.deleted",
  "customer.subscription.paused",
  "customer.subscription.resumed",
  "invoice.paid",
  "invoice.payment_failed",
];
