import { masterKeys, PLATFORM_SECRETS, type PlatformSettings } from "../../components/settings/platform-settings.ts";
import { PROJECT } from "../../components/settings/stack-config.ts";
import { TenantSettings } from "../../components/settings/tenant-settings.ts";
import { derivePassword, deriveTunnelSecret } from "../../components/tenant/secrets.ts";
import { TenantFailure } from "./reasons.ts";
import type { Tenant } from "./tenant.ts";

/** The whole input of a tenant's stack besides the platform's settings, as its row says. Throws `settings-invalid`. */
export function stackSettings(tenant: Tenant): TenantSettings {
  const { companyName, language, country, customDomains, secretGeneration } = tenant.settings;
  const given = {
    subdomain: tenant.subdomain,
    plan: tenant.planType,
    // A deletion must not wait for a plan that nobody remembers; what the plan shapes goes away.
    planSettings: tenant.planSettings ?? (tenant.wanted === "deleted" ? {} : undefined),
    hostId: tenant.containerId,
    port: tenant.localPort ?? undefined,
    adminEmail: tenant.customerEmail,
    companyName,
    language,
    country,
    customDomains: customDomains ?? [],
    // An update that goes before a deletion must not let visitors in again.
    suspended: tenant.wanted !== "active",
    secretGeneration: secretGeneration ?? {},
  };
  const read = TenantSettings.safeParse(
    Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  );
  if (read.success) return read.data;
  throw new TenantFailure(
    "settings-invalid",
    read.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "),
  );
}

/** What an operator's `pulumi config refresh` finds of a stack that the server made: components/settings/stack-config.ts. */
export function stackConfig(tenant: TenantSettings, platformStack: string): Readonly<Record<string, unknown>> {
  return { [`${PROJECT}:tenant`]: tenant, [`${PROJECT}:platform`]: platformStack };
}

/** The platform's own secrets, which all runs work with. */
export function platformSecrets(platform: PlatformSettings): string[] {
  return PLATFORM_SECRETS.flatMap((key) => platform[key] ?? []);
}

/** Values that must not be seen in events, diagnostics and errors of this tenant's runs. */
export function secretsOf(platform: PlatformSettings, tenant: TenantSettings): string[] {
  const { subdomain, secretGeneration } = tenant;
  const derived = masterKeys(platform).flatMap((key) => [
    ...upTo(secretGeneration.tunnel, (generation) => deriveTunnelSecret(key, subdomain, generation)),
    ...upTo(secretGeneration.postgresRole, (generation) => derivePassword(key, subdomain, "postgres-role", generation)),
    derivePassword(key, subdomain, "odoo-admin"),
  ]);
  return [...platformSecrets(platform), ...derived];
}

/** Of the last few generations: an old one may still be in use somewhere, and be told of. */
export function upTo<T>(newest: number, derive: (generation: number) => T): T[] {
  return Array.from({ length: Math.min(newest, 3) }, (_, ago) => derive(newest - ago));
}
