import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { OWN_CONNECTION } from "../db/database.ts";

/** Seen in pg_locks as the first of two keys. */
const CLASS = 0x0d00;
const POLL_MS = 100;

/**
 * Runs work while holding one of `limit` permits of a resource that all processes share. A permit is a session lock of
 * PostgreSQL, so a process that dies gives it back at once. Waits while all are taken, until `leave`: then it answers undefined.
 */
export async function withPermit<T>(
  databaseUrl: string,
  resource: string,
  limit: number,
  work: () => Promise<T>,
  leave?: AbortSignal,
): Promise<T | undefined> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: `odoosaas-permit-${resource}`,
    ...OWN_CONNECTION,
  });
  client.on("error", () => {}); // the permit is lost with the connection: one too many for a moment is no harm
  await client.connect();
  try {
    while (!(await take(client, resource, limit))) {
      if (leave?.aborted === true) return undefined;
      await setTimeout(POLL_MS * (0.5 + Math.random()));
    }
    return await work();
  } finally {
    await client.end().catch(() => {});
  }
}

// The scan ends at the first lock that is had.
const TAKE = `
  select slot from generate_series(1, $3::integer) slot
  where pg_try_advisory_lock($1, hashtext($2 || slot::text)) limit 1`;

async function take(client: pg.Client, resource: string, limit: number): Promise<boolean> {
  return (await client.query(TAKE, [CLASS, resource, limit])).rows.length > 0;
}
