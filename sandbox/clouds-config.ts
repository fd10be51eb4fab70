import { z } from "zod";
import { CloudflareConfig, EdgeConfig, TunnelEdgeConfig } from "./cloudflare/config.ts";
import { StripeConfig } from "./stripe/config.ts";

/** Settings of the process that runs all emulators. Holds tokens: keep the file at 0600. */
export const CloudsConfig = z.strictObject({
  cloudflare: CloudflareConfig,
  edge: EdgeConfig,
  tunnelEdge: TunnelEdgeConfig,
  stripe: StripeConfig,
});

/** What goes into the file; defaults need not be given. */
export type CloudsConfig = z.input<typeof CloudsConfig>;
