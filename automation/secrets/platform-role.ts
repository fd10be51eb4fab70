import pg from "pg";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { scramVerifier } from "./scram.ts";

type Server = Pick<PlatformSettings, "postgres">;

/** Connects to the tenants' PostgreSQL as the platform's own role. */
function platformRoleConfig({ postgres }: Server, password: string): pg.ClientConfig {
  const { host, port, user, sslmode, maintenanceDatabase } = postgres;
  return {
    host,
    port,
    user,
    password,
    database: maintenanceDatabase,
    ssl: sslmode === "disable" ? false : { rejectUnauthorized: sslmode.startsWith("verify") },
    connectionTimeoutMillis: 10_000,
    application_name: "odoosaas-rotate",
  };
}

/** Whether it is the role's password now. Throws when PostgreSQL cannot be asked. */
export async function isRolePassword(server: Server, password: string): Promise<boolean> {
  const client = new pg.Client(platformRoleConfig(server, password));
  try {
    await client.connect();
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "28P01" || code === "28000") return false;
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}

/** By the role's own right: no other is needed for it. */
export async function changeRolePassword(server: Server, present: string, next: string): Promise<void> {
  const client = new pg.Client(platformRoleConfig(server, present));
  await client.connect();
  try {
    await client.query(`alter role current_user password ${client.escapeLiteral(scramVerifier(next))}`);
  } finally {
    await client.end();
  }
}
