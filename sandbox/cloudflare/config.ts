import { z } from "zod";

const Hex32 = z.string().regex(/^[0-9a-f]{32}$/, "must be 32 hex digits");
/** 0 takes any free port. */
const Port = z.number().int().min(0).max(65_535);

/** What a token may do; `edit` includes `read`. The names are Cloudflare's permission groups, shortened. */
export const Permission = z.enum([
  "tunnel:read",
  "tunnel:edit",
  "dns:read",
  "dns:edit",
  "zone:read",
  "zone:edit",
  "zone-settings:read",
  "zone-settings:edit",
]);

/** The emulated API. */
export const CloudflareConfig = z.strictObject({
  /** On 127.0.0.1. */
  port: Port,
  /** SQLite file with tunnels, zones and records; made when missing. Holds tunnel secrets: keep it in a 0700 directory. */
  stateFile: z.string().min(1),
  accountId: Hex32,
  /** Made when missing; what the state file already has is kept. */
  zones: z.array(z.strictObject({ id: Hex32, name: z.string().min(1) })).default([]),
  tokens: z.array(
    z.strictObject({
      /** The official provider takes tokens of this form only. Secret. */
      token: z.string().regex(/^[0-9A-Za-z_-]{40,80}$/, "must be 40-80 characters of 0-9, A-Z, a-z, _ and -"),
      permissions: z.array(Permission),
    }),
  ),
  /** For X-Auth-Key with X-Auth-Email; may do everything. Secret. */
  apiKeys: z.array(z.strictObject({ email: z.email(), key: z.string().min(1) })).default([]),
  /**
   * Per token, then blocked for as long as the window:
   * https://developers.cloudflare.com/fundamentals/api/reference/limits/
   */
  rateLimit: z
    .strictObject({ requests: z.number().int().min(1), windowSeconds: z.number().int().min(1) })
    .default({ requests: 1_200, windowSeconds: 300 }),
  /** Tunnels per account: https://developers.cloudflare.com/cloudflare-one/account-limits/ */
  tunnelLimit: z.number().int().min(0).default(1_000),
  /** Records per zone; 1,000 on the free plan: https://developers.cloudflare.com/dns/manage-dns-records/ */
  recordLimit: z.number().int().min(0).default(1_000),
  /** Sent as `x-should-retry` with a name clash (1013). Absent as in the real API, where clients retry for minutes. */
  nameClashShouldRetry: z.boolean().optional(),
});

/** Where visitors come in. */
export const EdgeConfig = z.strictObject({
  port: Port,
  address: z.string().default("127.0.0.1"),
  /** Time an origin has for the head of its answer before the visitor sees 524. Cloudflare's default. */
  originTimeoutSeconds: z.number().int().min(1).default(100),
});

/** Where connectors dial in. */
export const TunnelEdgeConfig = z.strictObject({
  port: Port,
  addresses: z.array(z.string()).default(["127.0.0.1"]),
});

export type Permission = z.infer<typeof Permission>;
export type CloudflareConfig = z.infer<typeof CloudflareConfig>;
export type EdgeConfig = z.infer<typeof EdgeConfig>;
export type TunnelEdgeConfig = z.infer<typeof TunnelEdgeConfig>;
