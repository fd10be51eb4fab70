import * as pulumi from "@pulumi/pulumi";
import { FieldError } from "../field-error.ts";
import { SUSPENDED_PAGE_PORT } from "../host/host-baseline.ts";
import { odooRelease } from "../odoo-release.ts";
import {
  type HostSettings,
  type PlanSettings,
  type PlatformSettings,
  publicUrl,
} from "../settings/platform-settings.ts";
import type { TenantSettings } from "../settings/tenant-settings.ts";
import { TunnelConnector } from "./connector.ts";
import { TenantDatabase } from "./database.ts";
import { ownershipMark } from "./names.ts";
import { OdooDatabase, odooPlace } from "./odoo-database.ts";
import { odooSettings } from "./odoo-settings.ts";
import { OperatorScript } from "./operator-script.ts";
import { deriveTunnelSecret } from "./secrets.ts";
import { TenantTunnel } from "./tunnel.ts";

/** What exists already under the tenant's derived names and is ours; the caller has proven that. */
export interface Adoption {
  tunnelId?: string | undefined;
  recordId?: string | undefined;
  role?: boolean | undefined;
  database?: boolean | undefined;
}

export interface TenantArgs {
  platform: PlatformSettings;
  tenant: TenantSettings;
  adopt?: Adoption | undefined;
  /**
   * First of the two runs that rotate the role's password while visitors are served: the host changes it together with
   * PgBouncer's mapping (role-password.sh), and the role resource, which would go first, leaves it. Default false.
   */
  passwordByHost?: boolean | undefined;
}

/**
 * One customer's Odoo: a database with a role of its own, the way in through a Cloudflare Tunnel, and the connector on
 * the tenant's host. Throws FieldError for a plan or host that the platform does not have, or a reserved name.
 */
export class Tenant extends pulumi.ComponentResource {
  readonly tunnelId: pulumi.Output<string>;
  readonly tunnelName: pulumi.Output<string>;
  /** Public address; known when the tenant can be visited. */
  readonly url: pulumi.Output<string>;
  readonly database: pulumi.Output<string>;
  /** Odoo on its host, for operators inside the network: `172.16.16.105:8069`. */
  readonly directUrl: pulumi.Output<string>;

  constructor(name: string, args: TenantArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const { platform, tenant, adopt } = args;
    super(
      "odoosaas:tenant:Tenant",
      name,
      { subdomain: tenant.subdomain, plan: tenant.plan, hostId: tenant.hostId },
      opts,
    );
    const parent = this;
    const { subdomain, suspended } = tenant;
    const { host, plan } = placeOf(platform, tenant);
    const settings = odooSettings(platform, tenant, { host, plan });
    const { port, rolePassword, baseUrl } = settings;
    const sshPrivateKey = pulumi.secret(platform.sshPrivateKey);

    const database = new TenantDatabase(
      `${name}-db`,
      {
        subdomain,
        odooRole: host.odoo.role,
        password: rolePassword,
        connectionLimit: plan.connectionLimit,
        templateDatabase: platform.template?.database,
        suspended,
        adopt,
        passwordByHost: args.passwordByHost,
      },
      { parent },
    );

    const tunnel = new TenantTunnel(
      `${name}-tunnel`,
      {
        subdomain,
        domain: platform.domain,
        ownershipMark: ownershipMark(platform.id, subdomain),
        accountId: platform.cloudflare.accountId,
        zoneId: platform.cloudflare.zoneId,
        apiToken: pulumi.secret(platform.cloudflareApiToken),
        apiBaseUrl: platform.cloudflare.baseUrl,
        tunnelSecret: deriveTunnelSecret(platform.masterKey, subdomain, tenant.secretGeneration.tunnel),
        origin: `http://127.0.0.1:${port}`,
        live: host.odoo.geventPort
          ? { route: odooRelease(host.odoo.version).liveRoute, origin: `http://127.0.0.1:${host.odoo.geventPort}` }
          : undefined,
        customDomains: tenant.customDomains,
        suspendedService: suspended
          ? platform.suspendedPage
            ? `http://127.0.0.1:${SUSPENDED_PAGE_PORT}`
            : "http_status:503"
          : undefined,
        adopt,
      },
      { parent },
    );

    const odoo = new OdooDatabase(
      `${name}-odoo`,
      { ...settings, place: odooPlace(platform, host), sshPrivateKey },
      { parent, dependsOn: database.ready },
    );

    if (platform.createTenantScript && !suspended) {
      new OperatorScript(
        `${name}-operator`,
        {
          host,
          sshPrivateKey,
          script: platform.createTenantScript,
          subdomain,
          url: baseUrl,
          plan: tenant.plan,
          port,
          adminEmail: tenant.adminEmail,
          companyName: tenant.companyName,
          language: tenant.language,
          country: tenant.country,
        },
        { parent, dependsOn: [odoo] },
      );
    }

    const connector = new TunnelConnector(
      `${name}-connector`,
      { subdomain, host, sshPrivateKey, token: tunnel.token },
      { parent, dependsOn: [tunnel.drain] },
    );

    this.tunnelId = tunnel.tunnelId;
    this.tunnelName = tunnel.tunnelName;
    this.database = odoo.databaseName;
    this.url = pulumi
      .all([tunnel.hostname, odoo.databaseName, connector.service])
      .apply(([host_]) => publicUrl(platform, host_));
    this.directUrl = pulumi.output(`${host.address}:${port}`);
    this.registerOutputs({
      tunnelId: this.tunnelId,
      tunnelName: this.tunnelName,
      url: this.url,
      database: this.database,
      directUrl: this.directUrl,
    });
  }
}

function placeOf(platform: PlatformSettings, tenant: TenantSettings): { host: HostSettings; plan: PlanSettings } {
  const host = platform.hosts.find((candidate) => candidate.id === tenant.hostId);
  if (!host) {
    const known = platform.hosts.map((candidate) => candidate.id).join(", ");
    throw new FieldError(`this platform has no host ${tenant.hostId}`, {
      field: "tenant.hostId",
      value: tenant.hostId,
      remedy: `Use one of: ${known}.`,
    });
  }
  const plan = platform.plans[tenant.plan] ?? tenant.planSettings;
  if (!plan) {
    const known = Object.keys(platform.plans).join(", ");
    throw new FieldError(`this platform has no plan "${tenant.plan}"`, {
      field: "tenant.plan",
      value: tenant.plan,
      remedy: `Use one of: ${known}.`,
    });
  }
  // A name reserved later must not keep the tenant that has it from being suspended.
  if (!tenant.suspended && platform.reservedSubdomains.includes(tenant.subdomain)) {
    throw new FieldError(`"${tenant.subdomain}" is reserved by this platform`, {
      field: "tenant.subdomain",
      value: tenant.subdomain,
      remedy: "Choose another name.",
    });
  }
  // A name below the platform's domain is another tenant's, or will be.
  const taken = tenant.customDomains.find((name) => `.${name}`.endsWith(`.${platform.domain}`));
  if (taken !== undefined) {
    throw new FieldError(`"${taken}" lies below this platform's domain ${platform.domain}`, {
      field: "tenant.customDomains",
      value: taken,
      remedy: "Use a domain of the customer's own.",
    });
  }
  return { host, plan };
}
