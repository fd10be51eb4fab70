import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { TenantSettings } from "../../components/settings/tenant-settings.ts";

/** The tenant of a checkout, as the server makes it of the same event. */
export function tenantOf(
  platform: Pick<PlatformSettings, "hosts">,
  checkout: { subdomain: string; email: string },
): TenantSettings {
  return TenantSettings.parse({
    subdomain: checkout.subdomain,
    plan: "starter",
    hostId: platform.hosts[0]?.id,
    adminEmail: checkout.email,
    companyName: `Company ${checkout.subdomain}`,
  });
}
