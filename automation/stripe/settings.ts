import { z } from "zod";
import { DEFAULT_POLICY, type CollectionPause, type Policy } from "./policy.ts";
import type { PlanByPrice } from "./plan.ts";

const Days = z.coerce.number().min(0).max(3650);

const commaSeparated = z.string().transform((text) => text.split(",").map((one) => one.trim()));

const Prices = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: "custom", message: 'must be JSON such as {"price_123": "starter"}' });
      return z.NEVER;
    }
  })
  .pipe(
    z
      .record(
        z.string().min(1),
        z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, "must be the name of a plan of the platform"),
      )
      .refine((prices) => Object.keys(prices).length > 0, "must map at least one price to a plan"),
  );

/** The part of the server's environment that is about Stripe. The names are documented in docs/operations/server.md. */
export const StripeEnvironment = z.object({
  STRIPE_API_KEY: z
    .string()
    .regex(
      /^(sk|rk)_(test|live)_\w+$/,
      "must be a secret or restricted key, sk_live_... or rk_live_... (Stripe dashboard, Developers, API keys)",
    ),
  /** Only for another endpoint than Stripe's own: the sandbox. */
  STRIPE_API_BASE: z.url({ protocol: /^https?$/ }).optional(),
  /** Several, comma separated, while one is being rotated. */
  STRIPE_WEBHOOK_SECRET: commaSeparated.pipe(
    z.array(
      z
        .string()
        .regex(/^whsec_\S+$/, "must begin with whsec_ (Stripe dashboard, Developers, Webhooks, Signing secret)"),
    ),
  ),
  /** JSON: price id, product id or lookup key → plan. A price's own entry goes before its lookup key's and product's. */
  STRIPE_PRICES: Prices,
  /** What a paid subscription without a known price is: a task for an operator, or another business of the account. */
  STRIPE_UNKNOWN_PRICES: z.enum(["task", "ignore"]).default("task"),
  STRIPE_GRACE_DAYS: Days.default(DEFAULT_POLICY.graceDays),
  STRIPE_RETENTION_DAYS: Days.default(DEFAULT_POLICY.retentionDays),
  STRIPE_TRIAL_RETENTION_DAYS: Days.default(DEFAULT_POLICY.trialRetentionDays),
  /** Empty: never. */
  STRIPE_UNPAID_RETENTION_DAYS: z
    .union([z.literal("").transform(() => null), Days])
    .default(DEFAULT_POLICY.unpaidRetentionDays),
  STRIPE_TRIALS: z.enum(["active", "wait"]).default(DEFAULT_POLICY.trials),
  STRIPE_PENDING_PAYMENTS: z.enum(["active", "wait"]).default(DEFAULT_POLICY.pendingPayments),
  STRIPE_SUSPENDING_COLLECTION_PAUSES: z
    .union([
      z.literal("").transform((): CollectionPause[] => []),
      commaSeparated.pipe(z.array(z.enum(["keep_as_draft", "mark_uncollectible", "void"]))),
    ])
    .default([...DEFAULT_POLICY.suspendingCollectionPauses]),
  /** Pause between two comparisons of Stripe's events with the inbox. */
  STRIPE_CATCH_UP_SECONDS: z.coerce.number().int().min(10).default(300),
  /** Pause between two looks at the clocks of grace and retention. */
  STRIPE_CLOCKS_SECONDS: z.coerce.number().int().min(5).default(60),
});

export interface StripeSettings {
  /** Secret. */
  readonly apiKey: string;
  readonly apiBase: string | undefined;
  /** Secret; any of them may have signed. */
  readonly webhookSecrets: readonly string[];
  /** Of the key, and so of the events that concern this server. */
  readonly livemode: boolean;
  readonly prices: PlanByPrice;
  readonly unknownPrices: "task" | "ignore";
  readonly policy: Policy;
  readonly catchUpSeconds: number;
  readonly clocksSeconds: number;
}

export function stripeSettings(env: z.infer<typeof StripeEnvironment>): StripeSettings {
  return {
    apiKey: env.STRIPE_API_KEY,
    apiBase: env.STRIPE_API_BASE,
    webhookSecrets: env.STRIPE_WEBHOOK_SECRET,
    livemode: env.STRIPE_API_KEY.includes("_live_"),
    prices: new Map(Object.entries(env.STRIPE_PRICES)),
    unknownPrices: env.STRIPE_UNKNOWN_PRICES,
    policy: {
      graceDays: env.STRIPE_GRACE_DAYS,
      retentionDays: env.STRIPE_RETENTION_DAYS,
      trialRetentionDays: env.STRIPE_TRIAL_RETENTION_DAYS,
      unpaidRetentionDays: env.STRIPE_UNPAID_RETENTION_DAYS,
      trials: env.STRIPE_TRIALS,
      pendingPayments: env.STRIPE_PENDING_PAYMENTS,
      suspendingCollectionPauses: env.STRIPE_SUSPENDING_COLLECTION_PAUSES,
    },
    catchUpSeconds: env.STRIPE_CATCH_UP_SECONDS,
    clocksSeconds: env.STRIPE_CLOCKS_SECONDS,
  };
}
