import { commandInput } from "../../components/host/host-command.ts";
import { type PlatformSettings, publicUrl } from "../../components/settings/platform-settings.ts";
import type { TenantSettings } from "../../components/settings/tenant-settings.ts";
import { connectorCommand, connectorVariables } from "../../components/tenant/connector.ts";
import { hostname } from "../../components/tenant/names.ts";
import { odooDatabaseCommand, odooDatabaseVariables, odooPlace } from "../../components/tenant/odoo-database.ts";
import { derivePassword, deriveSecret } from "../../components/tenant/secrets.ts";

/** What `Tenant` tells the two commands on the host. A component test compares. Secret. */
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
    port: tenant.port ?? host.odoo.port,
    rolePassword: derivePassword(platform.masterKey, subdomain, "postgres-role", tenant.secretGeneration.postgresRole),
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
    odoo: commandInput({ VERSION: odooDatabaseCommand(odooPlace(platform, host)).version, ...variables }),
    connector: (token) =>
      commandInput({ VERSION: connectorCommand(host).version, ...connectorVariables(subdomain, token) }),
  };
}
