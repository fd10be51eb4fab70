import * as pulumi from "@pulumi/pulumi";
import { hostCommand, type HostCommand } from "../host/host-command.ts";
import { runHostCommand } from "../host/run-host-command.ts";
import { odooRelease } from "../odoo-release.ts";
import type { HostSettings, PlatformSettings } from "../settings/platform-settings.ts";
import { databaseName, ownershipMark, roleName } from "./names.ts";
import { odooPasswordHash } from "./password-hash.ts";

export interface OdooDatabaseArgs {
  subdomain: string;
  place: OdooPlace;
  /** Port of the tenant's Odoo on the host. */
  port: number;
  /** Secret. */
  sshPrivateKey: pulumi.Input<string>;
  /** The tenant's role's password. Secret. */
  rolePassword: string;
  /** Modules to install, comma separated in dependency order; empty when the clone has all. */
  modules: readonly string[];
  /** First administrator: login and the generated password, of which only the hash leaves the engine. Secret. */
  admin: { login: string; password: string; salt: Buffer };
  baseUrl: string;
  /** The customer's own host names; Odoo finds the database by them (../host/odoosaas_gate). */
  customDomains: readonly string[];
  companyName?: string | undefined;
  language?: string | undefined;
  country?: string | undefined;
  suspended: boolean;
}

/** What all tenants of a host have in common. */
export interface OdooPlace {
  platformId: string;
  host: HostSettings;
  /** PostgreSQL as the host reaches it. */
  postgres: { host: string; port: number; sslmode: string };
  /** Owner of a clone's contents until they are handed over; absent when there is no template to clone. */
  templateRole?: string | undefined;
}

export function odooPlace(platform: PlatformSettings, host: HostSettings): OdooPlace {
  const { port, sslmode } = platform.postgres;
  return {
    platformId: platform.id,
    host,
    postgres: { host: host.postgresAddress ?? platform.postgres.host, port, sslmode },
    templateRole: platform.template?.role,
  };
}

const SCRIPT = [
  "./role-password.sh",
  "./pgbouncer.sh",
  "./odoo-access.sh",
  "./odoo-removal.sh",
  "./odoo-database.sh",
].map((file) => new URL(file, import.meta.url));

/** Prepares, suspends and removes tenants' databases on a host. Reads `odooDatabaseVariables`. */
export function odooDatabaseCommand({ platformId, host, postgres, templateRole }: OdooPlace): HostCommand {
  const { odoo } = host;
  return hostCommand("odoo-database", ["up", "down"], SCRIPT, {
    ROLE_PREFIX: roleName(""),
    MARK_PREFIX: ownershipMark(platformId, ""),
    POSTGRES_HOST: postgres.host,
    POSTGRES_PORT: String(postgres.port),
    POSTGRES_SSLMODE: postgres.sslmode,
    TEMPLATE_ROLE: templateRole ?? "",
    ODOO_IDENTITY: odooRelease(odoo.version).identity,
    ODOO_USER: odoo.user,
    ODOO_CONFIG: odoo.configFile,
    ODOO_DATA: odoo.dataDir,
    ODOO_SERVICE: odoo.service,
  });
}

/** Of the database alone, without the way to its host. */
export type OdooDatabaseSettings = Omit<OdooDatabaseArgs, "sshPrivateKey" | "place">;

/** What odooDatabaseCommand's `up` is told. Holds secrets. */
export function odooDatabaseVariables(args: OdooDatabaseSettings): Record<string, string> {
  return {
    SUBDOMAIN: args.subdomain,
    ROLE_PASSWORD: args.rolePassword,
    SUSPENDED: args.suspended ? "yes" : "",
    MODULES: args.modules.join(","),
    ADMIN_LOGIN: args.admin.login,
    ADMIN_PASSWORD_HASH: odooPasswordHash(args.admin.password, args.admin.salt),
    BASE_URL: args.baseUrl,
    CUSTOM_DOMAINS: args.customDomains.join(" "),
    COMPANY_NAME: oneLine(args.companyName ?? ""),
    LANGUAGE: args.language ?? "",
    COUNTRY: args.country ?? "",
    ODOO_PORT: String(args.port),
  };
}

/** A name typed into a form may have line ends in it; the host takes none. */
export function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, " ");
}

/**
 * Makes the database an Odoo of its own (identity, administrator, language, base URL), lets Odoo's sessions in under
 * the tenant's role (PgBouncer), and on deletion takes a verified backup first. `odoo-database.sh` has the steps.
 */
export class OdooDatabase extends pulumi.ComponentResource {
  /** Known when Odoo serves the database. */
  readonly databaseName: pulumi.Output<string>;

  constructor(name: string, args: OdooDatabaseArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("odoosaas:tenant:OdooDatabase", name, { subdomain: args.subdomain }, opts);
    const command = runHostCommand(
      `${name}-script`,
      {
        host: args.place.host,
        sshPrivateKey: args.sshPrivateKey,
        command: odooDatabaseCommand(args.place),
        variables: odooDatabaseVariables(args),
      },
      // A component's dependsOn does not reach its children by itself.
      {
        parent: this,
        ...(opts.dependsOn && { dependsOn: opts.dependsOn }),
        customTimeouts: { create: "15m", update: "15m", delete: "60m" },
      },
    );
    this.databaseName = command.id.apply(() => databaseName(args.subdomain));
    this.registerOutputs({ databaseName: this.databaseName });
  }
}
