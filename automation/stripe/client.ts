import { Stripe } from "stripe";
import type { StripeSettings } from "./settings.ts";

/**
 * The official client, with its API version pinned. Two retries of the package's own answer a hiccup; what lasts
 * longer is the queue's business, which tries again for hours.
 */
export function stripeClient(settings: Pick<StripeSettings, "apiKey" | "apiBase">): Stripe {
  const base = settings.apiBase === undefined ? undefined : new URL(settings.apiBase);
  return new Stripe(settings.apiKey, {
    apiVersion: Stripe.API_VERSION,
    maxNetworkRetries: 2,
    timeout: 20_000,
    telemetry: false,
    appInfo: { name: "odoo-tenants" },
    ...(base === undefined
      ? {}
      : {
          protocol: base.protocol === "https:" ? "https" : "http",
          host: base.hostname,
          port: base.port === "" ? (base.protocol === "https:" ? 443 : 80) : base.port,
        }),
  });
}
