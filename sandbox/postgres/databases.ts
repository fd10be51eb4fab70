import pg from "pg";

/** Passwords of the roles that the sandbox's parts connect with. */
export interface RolePasswords {
  /** The server's: owns database `odoosaas`. */
  odoosaas: string;
  /** The engine's state backend: owns database `pulumi`. */
  pulumi: string;
  /** What the platform's settings name as `postgres.user`: makes the tenants' roles and databases. */
  platform_admin: string;
  /** The tenant host's Odoo: owns the tenants' databases, since Odoo lists only what its role owns. */
  odoo_h105: string;
}

export type Role = keyof RolePasswords;

/** No superuser among them, as on PostgreSQL services where customers get none. */
const ATTRIBUTES: Record<Role, string> = {
  odoosaas: "",
  pulumi: "",
  platform_admin: "CREATEROLE CREATEDB",
  odoo_h105: "",
};

/** Databases and their owners, both under one name. */
const DATABASES: readonly Role[] = ["odoosaas", "pulumi"];

/** Makes the sandbox's roles and databases as far as they are missing, and sets the passwords. Safe at every start. */
export async function ensureDatabases(connect: pg.ClientConfig, passwords: RolePasswords): Promise<void> {
  const client = new pg.Client(connect);
  await client.connect();
  try {
    const { rows: roles } = await client.query<{ rolname: string }>("select rolname from pg_roles");
    const { rows: databases } = await client.query<{ datname: string }>("select datname from pg_database");
    for (const [role, password] of Object.entries(passwords)) {
      const exists = roles.some(({ rolname }) => rolname === role);
      const attributes = `LOGIN NOSUPERUSER ${ATTRIBUTES[role as Role]} PASSWORD ${client.escapeLiteral(password)}`;
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
