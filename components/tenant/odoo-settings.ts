import {
  type HostSettings,
  type PlanSettings,
  type PlatformSettings,
  publicUrl,
} from "../settings/platform-settings.ts";
import type { TenantSettings } from "../settings/tenant-settings.ts";
import { hostname } from "./names.ts";
import type { OdooDatabaseSettings } from "./odoo-database.ts";
import { derivePassword, deriveSecret } from "./secrets.ts";

/** What a tenant's Odoo database is to be, from the configuration alone. Holds secrets. */
export function odooSettings(
  platform: PlatformSettings,
  tenant: TenantSettings,
  { host, plan }: { host: HostSettings; plan: PlanSettings },
): OdooDatabaseSettings {
  const { masterKey } = platform;
  const { subdomain } = tenant;
  return {
    subdomain,
    port: tenant.port ?? host.odoo.port,
    rolePassword: derivePassword(masterKey, subdomain, "postgres-role", tenant.secretGeneration.postgresRole),
    modules: [...new Set([...(platform.template?.modules ?? ["base", "web"]), ...plan.modules])],
    admin: {
      login: tenant.adminEmail,
      password: derivePassword(masterKey, subdomain, "odoo-admin"),
      salt: deriveSecret(masterKey, subdomain, "odoo-admin-salt").subarray(0, 16),
    },
    baseUrl: publicUrl(platform, hostname(subdomain, platform.domain)),
    customDomains: tenant.customDomains,
    companyName: tenant.companyName,
    language: tenant.language,
    country: tenant.country,
    suspended: tenant.suspended,
  };
}
