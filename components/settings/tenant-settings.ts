import { z } from "zod";
import { Subdomain } from "../tenant/subdomain.ts";
import { PlanSettings } from "./platform-settings.ts";

/** What distinguishes one tenant from the next: the whole input of its stack besides the platform's settings. */
export const TenantSettings = z.strictObject({
  subdomain: Subdomain,
  /** A key of the platform's `plans`. */
  plan: z.string(),
  /** The plan as it was at the last run: used where the platform has none of that name any more (decision 0015). */
  planSettings: PlanSettings.optional(),
  /** `id` of the host it lives on. */
  hostId: z.number().int().min(1),
  /** Odoo's port on that host, when it is not the host's default (`local_port` of the API). */
  port: z.number().int().min(1).max(65_535).optional(),
  /** Login of the first administrator: the customer's address. */
  adminEmail: z.email(),
  companyName: z.string().min(1).max(200).optional(),
  /** Odoo's language code, such as fr_FR. */
  language: z
    .string()
    .regex(/^[a-z]{2,3}(_[A-Z]{2})?$/)
    .optional(),
  /** ISO 3166-1 alpha-2. */
  country: z
    .string()
    .regex(/^[A-Z]{2}$/)
    .optional(),
  /** Further host names of the customer's own, each with its CNAME at the customer's DNS. */
  customDomains: z.array(z.string().regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/)).default([]),
  /** Visitors get 503 and the database takes no connections; data and host name stay. */
  suspended: z.boolean().default(false),
  /** Grows to rotate: see secrets.ts. */
  secretGeneration: z
    .strictObject({ tunnel: z.number().int().min(1).default(1), postgresRole: z.number().int().min(1).default(1) })
    .prefault({}),
});
export type TenantSettings = z.infer<typeof TenantSettings>;
