import { z } from "zod";
import { stackConfig as configOf, stackSettings } from "../../tenants/stack-settings.ts";
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

/** The very values that the server's own runs use. Throws TenantFailure when the row makes no valid stack. */
export function stackConfig(tenant: Tenant, platformStack: string): z.infer<typeof StackConfigBody> {
  return StackConfigBody.parse(configOf(stackSettings(tenant), platformStack));
}
