import * as cloudflare from "@pulumi/cloudflare";
import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { Platform } from "./platform/platform.ts";
import type { PlatformSettings } from "./settings/platform-settings.ts";
import { PROJECT } from "./settings/stack-config.ts";
import type { TenantSettings } from "./settings/tenant-settings.ts";
import { type Adoption, Tenant } from "./tenant/tenant.ts";

/** A tenant's stack outputs. None is secret. */
export interface TenantOutputs {
  subdomain: string;
  tunnelId: pulumi.Output<string>;
  tunnelName: pulumi.Output<string>;
  url: pulumi.Output<string>;
  database: pulumi.Output<string>;
  directUrl: pulumi.Output<string>;
}

/** Full name of a tenant's stack in a self-managed backend. */
export function tenantStackName(subdomain: string): string {
  return `organization/${PROJECT}/${subdomain}`;
}

/**
 * The one program of a tenant, run by index.ts for operators and CI and inline by the server: same inputs, same
 * resources, so what one made previews clean for the other.
 */
export function tenantProgram(
  platform: PlatformSettings,
  tenant: TenantSettings,
  adopt?: Adoption,
  passwordByHost?: boolean,
): () => Promise<TenantOutputs> {
  return async () => {
    const args = { platform, tenant, adopt, passwordByHost };
    const made = new Tenant(tenant.subdomain, args, { providers: providersOf(platform) });
    return {
      subdomain: tenant.subdomain,
      tunnelId: made.tunnelId,
      tunnelName: made.tunnelName,
      url: made.url,
      database: made.database,
      directUrl: made.directUrl,
    };
  };
}

/** The platform's stack; its secret output `settings` is what tenants' stacks and the server are given. */
export function platformProgram(
  settings: PlatformSettings,
): () => Promise<{ settings: pulumi.Output<PlatformSettings> }> {
  return async () => {
    const platform = new Platform("platform", { settings }, { providers: providersOf(settings) });
    return { settings: platform.settings };
  };
}

function providersOf(settings: PlatformSettings): pulumi.ProviderResource[] {
  return [
    new cloudflare.Provider("cloudflare", {
      apiToken: pulumi.secret(settings.cloudflareApiToken),
      ...(settings.cloudflare.baseUrl && { baseUrl: settings.cloudflare.baseUrl }),
    }),
    new postgresql.Provider("postgresql", {
      host: settings.postgres.host,
      port: settings.postgres.port,
      username: settings.postgres.user,
      password: pulumi.secret(settings.postgresPassword),
      database: settings.postgres.maintenanceDatabase,
      sslmode: settings.postgres.sslmode,
      superuser: settings.postgres.superuser,
      // Seconds. The provider's own default of 180 keeps a reconcile waiting for a server that is down.
      connectTimeout: 15,
      maxConnections: 4,
    }),
  ];
}
