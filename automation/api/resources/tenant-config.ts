import { z } from "zod";
import { TenantSettings } from "../../../components/settings/tenant-settings.ts";
import type { Tenant } from "../../tenants/tenant.ts";

/** What a tenant's stack is configured with, for an operator's own `pulumi -s <subdomain>`. Holds no secret. */
export const StackConfigBody = z
  .object({
    "odoosaas:platform": z.string().meta({ example: "organization/odoosaas/prod" }),
    "odoosaas:tenant": z
      .record(z.string(), z.unknown())
      .meta({ description: "components/settings/tenant-settings.ts" }),
  })
  .meta({ id: "StackConfig" });

/** Values that are the schema's defaults are left out, as an operator would. */
export function stackConfig(tenant: Tenant, platformStack: string): z.infer<typeof StackConfigBody> {
  const { settings } = tenant;
  const full = TenantSettings.parse({
    subdomain: tenant.subdomain,
    plan: tenant.planType,
    hostId: tenant.containerId,
    adminEmail: tenant.customerEmail,
    ...(tenant.localPort !== null && { port: tenant.localPort }),
    ...settings,
    suspended: tenant.wanted === "suspended",
  });
  const { customDomains, suspended, secretGeneration, ...rest } = full;
  const rotated = secretGeneration.tunnel > 1 || secretGeneration.postgresRole > 1;
  return {
    "odoosaas:platform": platformStack,
    "odoosaas:tenant": {
      ...rest,
      ...(customDomains.length > 0 && { customDomains }),
      ...(suspended && { suspended }),
      ...(rotated && { secretGeneration }),
    },
  };
}
