import { Database } from "@pulumi/postgresql/database.js";
import { Grant } from "@pulumi/postgresql/grant.js";
import { GrantRole } from "@pulumi/postgresql/grantRole.js";
import { Role } from "@pulumi/postgresql/role.js";
import * as pulumi from "@pulumi/pulumi";
import { administratorScript } from "../host/administrator-script.ts";
import type { PlatformSettings } from "../settings/platform-settings.ts";
import { deriveSecret } from "../tenant/secrets.ts";

export interface TemplateDatabaseArgs {
  platform: PlatformSettings;
  /** What must stand before Odoo builds it: the host's baseline. */
  after: readonly pulumi.Resource[];
}

/**
 * The database that tenants are cloned from: initialised once by the first host's Odoo, with its attachments inside
 * (docs/decisions/0012), so that any host can use it. Owned by the platform's administrator, because Odoo must not
 * list it and the owner of its contents must own no database.
 */
export class TemplateDatabase extends pulumi.ComponentResource {
  readonly databaseName: pulumi.Output<string>;

  constructor(name: string, args: TemplateDatabaseArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const { platform } = args;
    const template = platform.template;
    const [host] = platform.hosts;
    if (!template || !host) throw new Error("TemplateDatabase needs settings.template and a host");
    super("odoosaas:platform:TemplateDatabase", name, { database: template.database }, opts);
    const parent = this;
    const password = deriveSecret(platform.masterKey, template.role, "postgres-role").toString("base64url");

    const role = new Role(
      `${name}-role`,
      { name: template.role, login: true, password: pulumi.secret(password), skipReassignOwned: true },
      { parent },
    );
    const database = new Database(
      `${name}-database`,
      { name: template.database, isTemplate: true },
      { parent, dependsOn: [role], ignoreChanges: ["template", "lcCollate", "lcCtype", "encoding"] },
    );
    const closed = new Grant(
      `${name}-no-public`,
      { database: database.name, role: "public", objectType: "database", privileges: [] },
      { parent },
    );
    const connect = new Grant(
      `${name}-connect`,
      {
        database: database.name,
        role: role.name,
        objectType: "database",
        privileges: ["CONNECT", "CREATE", "TEMPORARY"],
      },
      { parent, dependsOn: [closed] },
    );
    const schema = new Grant(
      `${name}-schema`,
      {
        database: database.name,
        role: role.name,
        objectType: "schema",
        schema: "public",
        privileges: ["CREATE", "USAGE"],
      },
      { parent, dependsOn: [connect] },
    );
    // Each host's role hands a clone's contents over to the tenant.
    const members = [...new Set(platform.hosts.map((each) => each.odoo.role))].map(
      (hostRole) => new GrantRole(`${name}-member-${hostRole}`, { role: hostRole, grantRole: role.name }, { parent }),
    );
    const script = administratorScript(
      `${name}-script`,
      {
        host,
        script: new URL("./template-database.sh", import.meta.url),
        variables: {
          DATABASE: template.database,
          ROLE: template.role,
          ROLE_PASSWORD: pulumi.secret(password),
          POSTGRES_HOST: host.postgresAddress ?? platform.postgres.host,
          POSTGRES_PORT: String(platform.postgres.port),
          POSTGRES_SSLMODE: platform.postgres.sslmode,
          MODULES: template.modules.join(","),
          LANGUAGES: template.languages.join(","),
          ODOO_USER: host.odoo.user,
          ODOO_CONFIG: host.odoo.configFile,
          ODOO_DATA: host.odoo.dataDir,
        },
      },
      { parent, dependsOn: [schema, ...members, ...args.after], customTimeouts: { create: "60m", update: "60m" } },
    );
    this.databaseName = pulumi.all([database.name, script.id]).apply(([databaseName]) => databaseName);
    this.registerOutputs({ databaseName: this.databaseName });
  }
}
