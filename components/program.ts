import { Provider as CloudflareProvider } from "@pulumi/cloudflare/provider.js";
import { Provider as PostgresqlProvider } from "@pulumi/postgresql/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { Platform } from "./platform/platform.ts";
import type { PlatformSettings } from "./settings/platform-settings.ts";
import type { TenantSettings } from "./settings/tenant-settings.ts";
import type { TunnelSettings } from "./settings/tunnel-settings.ts";
import { type Adoption, Tenant } from "./tenant/tenant.ts";
import { StandaloneTunnel } from "./tunnel/standalone-tunnel.ts";

/** A tenant's stack outputs. None is secret. */
export interface TenantOutputs {
  subdomain: string;
  tunnelId: pulumi.Output<string>;
  tunnelName: pulumi.Output<string>;
  url: pulumi.Output<string>;
  database: pulumi.Output<string>;
  directUrl: pulumi.Output<string>;
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

/** Outputs of the stack of a container's own tunnel. None is secret. */
export type TunnelOutputs = Pick<TenantOutputs, "tunnelId" | "tunnelName" | "url" | "directUrl">;

/** The program of a container's own tunnel; like a tenant's, the same for operators and the server. */
export function tunnelProgram(
  platform: PlatformSettings,
  tunnel: TunnelSettings,
  adopt?: Adoption,
): () => Promise<TunnelOutputs> {
  return async () => {
    const args = { platform, tunnel, adopt };
    const { tunnelId, tunnelName, url, directUrl } = new StandaloneTunnel(tunnel.label, args, {
      providers: [cloudflareProvider(platform)],
    });
    return { tunnelId, tunnelName, url, directUrl };
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

function cloudflareProvider(settings: PlatformSettings): pulumi.ProviderResource {
  return new CloudflareProvider("cloudflare", {
    apiToken: pulumi.secret(settings.cloudflareApiToken),
    ...(settings.cloudflare.baseUrl && { baseUrl: settings.cloudflare.baseUrl }),
  });
}

function providersOf(settings: PlatformSettings): pulumi.ProviderResource[] {
  return [
    cloudflareProvider(settings),
    new PostgresqlProvider("postgresql", {
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
