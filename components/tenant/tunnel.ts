import { readFileSync } from "node:fs";
import { DnsRecord } from "@pulumi/cloudflare/dnsRecord.js";
import { getZeroTrustTunnelCloudflaredTokenOutput } from "@pulumi/cloudflare/getZeroTrustTunnelCloudflaredToken.js";
import { ZeroTrustTunnelCloudflared } from "@pulumi/cloudflare/zeroTrustTunnelCloudflared.js";
import { ZeroTrustTunnelCloudflaredConfig } from "@pulumi/cloudflare/zeroTrustTunnelCloudflaredConfig.js";
import { Command as LocalCommand } from "@pulumi/command/local/command.js";
import * as pulumi from "@pulumi/pulumi";
import { ingressRules, type LiveRoute } from "./ingress.ts";
import { hostname, tunnelName } from "./names.ts";

export interface TenantTunnelArgs {
  subdomain: string;
  /** Zone's domain; the tunnel answers at `<subdomain>.<domain>`. */
  domain: string;
  /** Comment of the record, by which it is known to be ours: see names.ts. */
  ownershipMark: string;
  accountId: string;
  zoneId: string;
  /** Token for the drain before deletion; the provider has its own. Secret. */
  apiToken: pulumi.Input<string>;
  /** Only for other endpoints than Cloudflare's own. */
  apiBaseUrl?: string | undefined;
  /** Base64 of 32 bytes or more; proves later that the tunnel is ours. Secret. */
  tunnelSecret: string;
  /** Odoo as the connector reaches it: `http://127.0.0.1:8069`. */
  origin: string;
  /** Odoo's gevent process and its route, when it has one. */
  live?: LiveRoute | undefined;
  /** The customer's own domains. Their CNAME is the customer's to set. */
  customDomains: readonly string[];
  /** See ingress.ts; absent for a running tenant. */
  suspendedService?: string | undefined;
  /** Ids of a tunnel and a record that exist already and are ours: taken over instead of created. */
  adopt?: { tunnelId?: string | undefined; recordId?: string | undefined } | undefined;
}

const DRAIN = readFileSync(new URL("./drain-tunnel.mjs", import.meta.url), "utf8");

/** The tenant's way in: a remotely managed tunnel, its ingress rules, and the proxied CNAME that leads to it. */
export class TenantTunnel extends pulumi.ComponentResource {
  readonly tunnelId: pulumi.Output<string>;
  readonly tunnelName: pulumi.Output<string>;
  readonly hostname: pulumi.Output<string>;
  /** What the connector authenticates with. Secret. */
  readonly token: pulumi.Output<string>;
  /** The connector depends on it: on deletion the tunnel's connections are seen gone before the tunnel goes. */
  readonly drain: pulumi.Resource;

  constructor(name: string, args: TenantTunnelArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("odoosaas:tenant:TenantTunnel", name, { subdomain: args.subdomain }, opts);
    const parent = this;
    const host = hostname(args.subdomain, args.domain);

    const tunnel = new ZeroTrustTunnelCloudflared(
      `${name}-tunnel`,
      {
        accountId: args.accountId,
        name: tunnelName(args.subdomain),
        configSrc: "cloudflare",
        tunnelSecret: pulumi.secret(args.tunnelSecret),
      },
      {
        parent,
        // The API never tells a tunnel's secret, so an import could not compare it.
        ...(args.adopt?.tunnelId
          ? { import: `${args.accountId}/${args.adopt.tunnelId}`, ignoreChanges: ["tunnelSecret"] }
          : {}),
      },
    );

    const config = new ZeroTrustTunnelCloudflaredConfig(
      `${name}-config`,
      {
        accountId: args.accountId,
        tunnelId: tunnel.id,
        source: "cloudflare",
        config: { ingresses: ingressRules({ ...args, hostnames: [host, ...args.customDomains] }) },
      },
      { parent },
    );

    const record = new DnsRecord(
      `${name}-record`,
      {
        zoneId: args.zoneId,
        name: host,
        type: "CNAME",
        content: pulumi.interpolate`${tunnel.id}.cfargotunnel.com`,
        proxied: true,
        ttl: 1,
        comment: args.ownershipMark,
      },
      { parent, ...(args.adopt?.recordId ? { import: `${args.zoneId}/${args.adopt.recordId}` } : {}) },
    );

    // Cloudflare refuses to delete a tunnel with connections (code 1022), and the provider does not close them.
    this.drain = new LocalCommand(
      `${name}-drain`,
      {
        create: "true",
        update: "true",
        delete: "node --input-type=module -",
        stdin: pulumi.secret(
          pulumi
            .all({ apiToken: args.apiToken, tunnelId: tunnel.id })
            .apply(
              (known) =>
                `const input = ${JSON.stringify({ ...known, accountId: args.accountId, baseUrl: args.apiBaseUrl })};\n${DRAIN}`,
            ),
        ),
        addPreviousOutputInEnv: false,
      },
      { parent },
    );

    this.tunnelId = tunnel.id;
    this.tunnelName = tunnel.name;
    // Known only when visitors can be served: both the rules and the record are there.
    this.hostname = pulumi.all([record.name, config.id]).apply(() => host);
    this.token = pulumi.secret(
      getZeroTrustTunnelCloudflaredTokenOutput({ accountId: args.accountId, tunnelId: tunnel.id }, { parent }).token,
    );
    this.registerOutputs({ tunnelId: this.tunnelId, tunnelName: this.tunnelName, hostname: this.hostname });
  }
}
