import { z } from "zod";
import { Subdomain } from "../tenant/subdomain.ts";

/** What distinguishes one container's own tunnel from the next: the whole input of its stack besides the platform's settings. */
export const TunnelSettings = z.strictObject({
  /** First label of its host name. Tenants' subdomains and these are one set of names. */
  label: Subdomain,
  /** `id` of the host whose container it leads to. */
  hostId: z.number().int().min(1),
  /** Port on that host. */
  port: z.number().int().min(1).max(65_535),
  /** Grows to rotate: see components/tenant/secrets.ts. */
  secretGeneration: z.number().int().min(1).default(1),
});
export type TunnelSettings = z.infer<typeof TunnelSettings>;
