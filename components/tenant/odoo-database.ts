import * as pulumi from "@pulumi/pulumi";
import { hostScript } from "../host/host-script.ts";
import { odooRelease } from "../odoo-release.ts";
import type { HostSettings } from "../settings/platform-settings.ts";
import { databaseName, ownershipMark, roleName } from "./names.ts";
import { odooPasswordHash } from "./password-hash.ts";

export interface OdooDatabaseArgs {
  subdomain: string;
  platformId: string;
  host: HostSettings;
  /** Port of the tenant's Odoo on the host. */
  port: number;
  /** Secret. */
  sshPrivateKey: pulumi.Input<string>;
  /** PostgreSQL as the host reaches it. */
  postgres: { host: string; port: number; sslmode: string };
  /** The tenant's role's password. Secret. */
  rolePassword: string;
  /** Owner of the clone's contents until they are handed over; absent when there is no template to clone. */
  templateRole?: string | undefined;
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

/** The parts of the script, in order. */
export const ODOO_DATABASE_SCRIPT: readonly URL[] = ["./role-password.sh", "./odoo-database.sh"].map(
  (file) => new URL(file, import.meta.url),
);

/** What odoo-database.sh reads. Holds secrets. */
export function odooDatabaseVariables(args: Omit<OdooDatabaseArgs, "sshPrivateKey">): Record<string, string> {
  const { odoo } = args.host;
  return {
    DATABASE: databaseName(args.subdomain),
    ROLE: roleName(args.subdomain),
    ROLE_PASSWORD: args.rolePassword,
    MARK: ownershipMark(args.platformId, args.subdomain),
    SUSPENDED: args.suspended ? "yes" : "",
    POSTGRES_HOST: args.postgres.host,
    POSTGRES_PORT: String(args.postgres.port),
    POSTGRES_SSLMODE: args.postgres.sslmode,
    TEMPLATE_ROLE: args.templateRole ?? "",
    MODULES: args.modules.join(","),
    ADMIN_LOGIN: args.admin.login,
    ADMIN_PASSWORD_HASH: odooPasswordHash(args.admin.password, args.admin.salt),
    BASE_URL: args.baseUrl,
    CUSTOM_DOMAINS: args.customDomains.join(" "),
    COMPANY_NAME: args.companyName ?? "",
    LANGUAGE: args.language ?? "",
    COUNTRY: args.country ?? "",
    ODOO_IDENTITY: odooRelease(odoo.version).identity,
    ODOO_USER: odoo.user,
    ODOO_CONFIG: odoo.configFile,
    ODOO_DATA: odoo.dataDir,
    ODOO_PORT: String(args.port),
    ODOO_SERVICE: odoo.service,
  };
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
    const script = hostScript(
      `${name}-script`,
      {
        host: args.host,
        sshPrivateKey: args.sshPrivateKey,
        script: ODOO_DATABASE_SCRIPT,
        variables: odooDatabaseVariables(args),
      },
      // A component's dependsOn does not reach its children by itself.
      {
        parent: this,
        ...(opts.dependsOn && { dependsOn: opts.dependsOn }),
        customTimeouts: { create: "15m", update: "15m", delete: "60m" },
      },
    );
    this.databaseName = script.id.apply(() => databaseName(args.subdomain));
    this.registerOutputs({ databaseName: this.databaseName });
  }
}
