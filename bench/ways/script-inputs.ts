import { commandInput } from "../../components/host/host-command.ts";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import type { TenantSettings } from "../../components/settings/tenant-settings.ts";
import { connectorCommand, connectorVariables } from "../../components/tenant/connector.ts";
import { odooDatabaseCommand, odooDatabaseVariables, odooPlace } from "../../components/tenant/odoo-database.ts";
import { odooSettings } from "../../components/tenant/odoo-settings.ts";

/** What `Tenant` tells the two commands on the host. Secret. */
export interface ScriptInputs {
  odoo: string;
  connector(token: string): string;
}

export function scriptInputs(platform: PlatformSettings, tenant: TenantSettings): ScriptInputs {
  const host = platform.hosts.find(({ id }) => id === tenant.hostId);
  const plan = platform.plans[tenant.plan];
  if (!host || !plan) throw new Error(`the platform has no host ${tenant.hostId} or no plan ${tenant.plan}`);
  const variables = odooDatabaseVariables(odooSettings(platform, tenant, { host, plan }));
  return {
    odoo: commandInput({ VERSION: odooDatabaseCommand(odooPlace(platform, host)).version, ...variables }),
    connector: (token) =>
      commandInput({ VERSION: connectorCommand(host).version, ...connectorVariables(tenant.subdomain, token) }),
  };
}
