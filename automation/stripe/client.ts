import { Stripe } from "stripe";
import { EmulatedClock } from "./emulated-clock.ts";
import type { StripeSettings } from "./settings.ts";

export interface ConnectedStripe {
  readonly client: Stripe;
  /** The clock that grace and retention run by. */
  readonly now: () => Date;
}

/**
 * The official client, with its API version pinned. Two retries of the package's own answer a hiccup; what lasts
 * longer is the queue's business, which tries again for hours.
 */
export function connectStripe({ apiKey, apiBase }: Pick<StripeSettings, "apiKey" | "apiBase">): ConnectedStripe {
  const settings = {
    apiVersion: Stripe.API_VERSION,
    maxNetworkRetries: 2,
    timeout: 20_000,
    telemetry: false,
    appInfo: { name: "odoo-tenants" },
  } as const;
  if (apiBase === undefined) return { client: new Stripe(apiKey, settings), now: () => new Date() };
  const { protocol, hostname: host, port } = new URL(apiBase);
  const https = protocol === "https:";
  const clock = new EmulatedClock();
  const client = new Stripe(apiKey, {
    ...settings,
    protocol: https ? "https" : "http",
    host,
    port: port === "" ? (https ? 443 : 80) : port,
    httpClient: clock.httpClient,
  });
  return { client, now: clock.now };
}
