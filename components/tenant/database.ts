import { Database } from "@pulumi/postgresql/database.js";
import { GrantRole } from "@pulumi/postgresql/grantRole.js";
import { Role } from "@pulumi/postgresql/role.js";
import * as pulumi from "@pulumi/pulumi";
import { databaseName, roleName } from "./names.ts";

export interface TenantDatabaseArgs {
  subdomain: string;
  /** Role that Odoo on the tenant's host connects as; Odoo lists and serves only databases that this role owns. */
  odooRole: string;
  /** The tenant's role's password. Secret. */
  password: string;
  /** Connections the role may hold at once (the plan's). */
  connectionLimit: number;
  /** Database to clone; an empty one without. */
  templateDatabase?: string | undefined;
  /** A suspended tenant's database takes no connections. */
  suspended: boolean;
  /** Role and database exist already and are ours: taken over instead of created. */
  adopt?: { role?: boolean | undefined; database?: boolean | undefined } | undefined;
  /** See tenant.ts. */
  passwordByHost?: boolean | undefined;
}

/**
 * The tenant's role and database. The database belongs to the host's Odoo role, everything inside to the tenant's
 * (docs/decisions/0006): PgBouncer lets Odoo's sessions in under the tenant's role, so SQL that a tenant's
 * administrator runs has no power over a neighbour. Privileges on the database are granted by its owner, in
 * OdooDatabase's script: the provider's Grant connects to the database it grants on, which a suspended one refuses, so
 * a refresh would fail.
 */
export class TenantDatabase extends pulumi.ComponentResource {
  readonly databaseName: pulumi.Output<string>;
  readonly roleName: pulumi.Output<string>;
  /** Depend on it to find role, database and membership in place. */
  readonly ready: pulumi.Resource[];

  constructor(name: string, args: TenantDatabaseArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("odoosaas:tenant:TenantDatabase", name, { subdomain: args.subdomain }, opts);
    const parent = this;

    const role = new Role(
      `${name}-role`,
      {
        name: roleName(args.subdomain),
        login: true,
        password: pulumi.secret(args.password),
        connectionLimit: args.connectionLimit,
        // Contents go with the database, by OdooDatabase's verified backup; the role itself owns nothing else.
        skipReassignOwned: true,
      },
      {
        parent,
        ...(args.adopt?.role
          ? { import: roleName(args.subdomain), ignoreChanges: ["password", "skipReassignOwned"] }
          : args.passwordByHost
            ? { ignoreChanges: ["password"] }
            : {}),
      },
    );

    const database = new Database(
      `${name}-database`,
      {
        name: databaseName(args.subdomain),
        owner: args.odooRole,
        allowConnections: !args.suspended,
        ...(args.templateDatabase
          ? { template: args.templateDatabase, lcCollate: "DEFAULT", lcCtype: "DEFAULT", encoding: "DEFAULT" }
          : {}),
      },
      {
        parent,
        // On deletion the role goes last: until then it owns what is inside.
        dependsOn: [role],
        // What it was made from is history: a new template must never replace a customer's database.
        ignoreChanges: ["template", "lcCollate", "lcCtype", "encoding"],
        ...(args.adopt?.database ? { import: databaseName(args.subdomain) } : {}),
      },
    );

    // The host's script acts for the tenant as the host's role; the tenant itself is a member of nothing, so that SQL in
    // Odoo finds no other role to become.
    const member = new GrantRole(`${name}-member`, { role: args.odooRole, grantRole: role.name }, { parent });

    this.databaseName = database.name;
    this.roleName = role.name;
    this.ready = [role, database, member];
    this.registerOutputs({ databaseName: this.databaseName, roleName: this.roleName });
  }
}
