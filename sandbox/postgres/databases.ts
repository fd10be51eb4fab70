import pg from "pg";

/** Roles that the sandbox's parts connect with; no superuser among them, as on hosted PostgreSQL services. */
const ATTRIBUTES = {
  /** The server's: owns database `odoosaas`. */
  odoosaas: "",
  /** The engine's state backend: owns database `pulumi`. */
  pulumi: "",
  /** What the platform's settings name as `postgres.user`: makes the tenants' roles and databases. */
  platform_admin: "CREATEROLE CREATEDB",
  /** The tenant host's Odoo: owns the tenants' databases, since Odoo lists only what its role owns. */
  odoo_h105: "",
};

export type Role = keyof typeof ATTRIBUTES;

/** Databases and their owners, both under one name. */
const DATABASES: readonly Role[] = ["odoosaas", "pulumi"];

/** Makes the sandbox's roles and databases as far as they are missing, and sets the passwords. Safe at every start. */
export async function ensureDatabases(connect: pg.ClientConfig, passwords: Record<Role, string>): Promise<void> {
  const client = new pg.Client(connect);
  await client.connect();
  try {
    const { rows: roles } = await client.query<{ rolname: string }>("select rolname from pg_roles");
    const { rows: databases } = await client.query<{ datname: string }>("select datname from pg_database");
    for (const role of Object.keys(ATTRIBUTES) as Role[]) {
      const exists = roles.some(({ rolname }) => rolname === role);
      const attributes = `LOGIN NOSUPERUSER ${ATTRIBUTES[role]} PASSWORD ${client.escapeLiteral(passwords[role])}`;
      await client.query(`${exists ? "ALTER" : "CREATE"} ROLE ${role} ${attributes}`);
    }
    // To make databases that belong to the host's Odoo, and to disconnect clients of one that is dropped.
    await client.query("GRANT odoo_h105, pg_signal_backend TO platform_admin");
    for (const name of DATABASES) {
      if (!databases.some(({ datname }) => datname === name))
        await client.query(`CREATE DATABASE ${name} OWNER ${name}`);
    }
    // Tenants' roles have no business there, nor in what PostgreSQL brings along.
    await client.query(`REVOKE CONNECT ON DATABASE ${DATABASES.join(", ")} FROM PUBLIC`);
  } finally {
    await client.end();
  }
}
