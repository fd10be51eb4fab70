import pg, { type Client } from "pg";

/** A name in a statement. */
export const ident = pg.escapeIdentifier;
/** A text in a statement that takes no parameters. */
export const literal = pg.escapeLiteral;

/** Runs a statement; what the server says comes after what was attempted. */
export async function execute(
  client: Client,
  attempted: string,
  statement: string,
  values: unknown[] = [],
): Promise<void> {
  try {
    await client.query(statement, values);
  } catch (error) {
    throw new Error(`${attempted}: pq: ${(error as Error).message}`, { cause: error });
  }
}

/** The first row, if there is one. */
export async function row<T>(client: Client, statement: string, values: unknown[] = []): Promise<T | undefined> {
  const { rows } = await client.query<Record<string, unknown>>(statement, values);
  return rows[0] as T | undefined;
}

/** Major version, such as 15. */
export async function serverVersion(client: Client): Promise<number> {
  const found = await row<{ server_version_num: string }>(client, "SHOW server_version_num");
  return Math.floor(Number(found?.server_version_num ?? 0) / 10_000);
}

/**
 * Keeps other operations of this provider away from a role and its members until the transaction ends. The locks'
 * numbers are the official provider's, so both can work on one server.
 */
export async function lockRole(client: Client, role: string): Promise<void> {
  await client.query("SET statement_timeout = 0");
  await client.query("SELECT pg_advisory_xact_lock(oid::bigint) FROM pg_roles WHERE rolname = $1", [role]);
  await client.query(
    `SELECT pg_advisory_xact_lock(member::bigint)
       FROM pg_auth_members JOIN pg_roles ON roleid = pg_roles.oid WHERE rolname = $1`,
    [role],
  );
}

export async function lockDatabase(client: Client, database: string): Promise<void> {
  await client.query("SET statement_timeout = 0");
  await client.query("SELECT pg_advisory_xact_lock(oid::bigint) FROM pg_database WHERE datname = $1", [database]);
}

export async function roleExists(client: Client, role: string): Promise<boolean> {
  return (await row(client, "SELECT 1 FROM pg_roles WHERE rolname = $1", [role])) !== undefined;
}

export async function databaseExists(client: Client, database: string): Promise<boolean> {
  return (await row(client, "SELECT 1 FROM pg_database WHERE datname = $1", [database])) !== undefined;
}

export async function databaseOwner(client: Client, database: string): Promise<string> {
  const found = await row<{ rolname: string }>(
    client,
    "SELECT rolname FROM pg_database JOIN pg_roles ON datdba = pg_roles.oid WHERE datname = $1",
    [database],
  );
  if (found === undefined) throw new Error(`could not find database '${database}' while looking for owner`);
  return found.rolname;
}
