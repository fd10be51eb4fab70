import * as pulumi from "@pulumi/pulumi";
import { FieldError } from "../field-error.ts";
import { type PlatformSettings, publicUrl } from "../settings/platform-settings.ts";
import type { TunnelSettings } from "../settings/tunnel-settings.ts";
import { TunnelConnector } from "../tenant/connector.ts";
import { tunnelOwnershipMark } from "../tenant/names.ts";
import { deriveStandaloneTunnelSecret } from "../tenant/secrets.ts";
import type { Adoption } from "../tenant/tenant.ts";
import { TenantTunnel } from "../tenant/tunnel.ts";

export interface StandaloneTunnelArgs {
  platform: PlatformSettings;
  tunnel: TunnelSettings;
  adopt?: Pick<Adoption, "tunnelId" | "recordId"> | undefined;
}

/**
 * The way in to a container that is no tenant: whatever listens on its port. Odoo's database manager is closed here, too,
 * since an Odoo is what these containers usually run. Throws FieldError for a host that the platform does not have.
 */
export class StandaloneTunnel extends pulumi.ComponentResource {
  readonly tunnelId: pulumi.Output<string>;
  readonly tunnelName: pulumi.Output<string>;
  /** Public address; known when visitors can be served. */
  readonly url: pulumi.Output<string>;
  /** The container's port, for operators inside the network: `172.16.16.105:8069`. */
  readonly directUrl: pulumi.Output<string>;

  constructor(name: string, args: StandaloneTunnelArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const { platform, tunnel: settings, adopt } = args;
    const { label, hostId, port, secretGeneration } = settings;
    super("odoosaas:tunnel:StandaloneTunnel", name, { label, hostId, port }, opts);
    const parent = this;
    const host = platform.hosts.find(({ id }) => id === hostId);
    if (host === undefined) {
      throw new FieldError(`this platform has no host ${hostId}`, {
        field: "tunnel.hostId",
        value: hostId,
        remedy: `Use one of: ${platform.hosts.map(({ id }) => id).join(", ")}.`,
      });
    }

    const tunnel = new TenantTunnel(
      `${name}-tunnel`,
      {
        subdomain: label,
        domain: platform.domain,
        ownershipMark: tunnelOwnershipMark(platform.id, label),
        accountId: platform.cloudflare.accountId,
        zoneId: platform.cloudflare.zoneId,
        apiToken: pulumi.secret(platform.cloudflareApiToken),
        apiBaseUrl: platform.cloudflare.baseUrl,
        tunnelSecret: deriveStandaloneTunnelSecret(platform.masterKey, label, secretGeneration),
        origin: `http://127.0.0.1:${port}`,
        customDomains: [],
        adopt,
      },
      { parent },
    );

    const connector = new TunnelConnector(
      `${name}-connector`,
      { subdomain: label, host, sshPrivateKey: pulumi.secret(platform.sshPrivateKey), token: tunnel.token },
      { parent, dependsOn: [tunnel.drain] },
    );

    this.tunnelId = tunnel.tunnelId;
    this.tunnelName = tunnel.tunnelName;
    this.url = pulumi.all([tunnel.hostname, connector.service]).apply(([host_]) => publicUrl(platform, host_));
    this.directUrl = pulumi.output(`${host.address}:${port}`);
    this.registerOutputs({
      tunnelId: this.tunnelId,
      tunnelName: this.tunnelName,
      url: this.url,
      directUrl: this.directUrl,
    });
  }
}
