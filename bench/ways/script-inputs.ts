import { readFileSync } from "node:fs";
import { scriptInput, scriptText } from "../../components/host/host-script.ts";
import { type PlatformSettings, publicUrl } from "../../components/settings/platform-settings.ts";
import type { TenantSettings } from "../../components/settings/tenant-settings.ts";
import { connectorVariables } from "../../components/tenant/connector.ts";
import { hostname } from "../../components/tenant/names.ts";
import { ODOO_DATABASE_SCRIPT, odooDatabaseVariables } from "../../components/tenant/odoo-database.ts";
import { derivePassword, deriveSecret } from "../../components/tenant/secrets.ts";

const CONNECTOR = new URL("../../components/tenant/connector.sh", import.meta.url);

/** What `Tenant` feeds to the two scripts on the host. A component test compares. Secret. */
export interface ScriptInputs {
  odoo: string;
  connector(token: string): string;
}

export function scriptInputs(platform: PlatformSettings, tenant: TenantSettings): ScriptInputs {
  const { subdomain } = tenant;
  const host = platform.hosts.find(({ id }) => id === tenant.hostId);
  const plan = platform.plans[tenant.plan];
  if (!host || !plan) throw new Error(`the platform has no host ${tenant.hostId} or no plan ${tenant.plan}`);
  const variables = odooDatabaseVariables({
    subdomain,
    platformId: platform.id,
    host,
    port: tenant.port ?? host.odoo.port,
    postgres: {
      host: host.postgresAddress ?? platform.postgres.host,
      port: platform.postgres.port,
      sslmode: platform.postgres.sslmode,
    },
    rolePassword: derivePassword(platform.masterKey, subdomain, "postgres-role", tenant.secretGeneration.postgresRole),
    templateRole: platform.template?.role,
    modules: [...new Set([...(platform.template?.modules ?? ["base", "web"]), ...plan.modules])],
    admin: {
      login: tenant.adminEmail,
      password: derivePassword(platform.masterKey, subdomain, "odoo-admin"),
      salt: deriveSecret(platform.masterKey, subdomain, "odoo-admin-salt").subarray(0, 16),
    },
    baseUrl: publicUrl(platform, hostname(subdomain, platform.domain)),
    customDomains: tenant.customDomains,
    companyName: tenant.companyName,
    language: tenant.language,
    country: tenant.country,
    suspended: tenant.suspended,
  });
  return {
    odoo: scriptInput(scriptText(ODOO_DATABASE_SCRIPT), variables),
    connector: (token) =>
      scriptInput(readFileSync(CONNECTOR, "utf8"), { ...connectorVariables({ subdomain, host }), TOKEN: token }),
  };
}
