import { runner } from "node-pg-migrate";
import type { Database } from "./database.ts";

const DIRECTORY = new URL("./migrations", import.meta.url).pathname;

/**
 * Brings the database to the newest of `migrations/*.sql`, each in a transaction. Waits for another process that does
 * the same. Throws, and the start with it, when one fails: the error names the file.
 */
export async function migrate(database: Database, log: (line: string) => void = () => {}): Promise<readonly string[]> {
  const client = await database.pool.connect().catch((error: unknown) => {
    throw new Error(
      `DATABASE_URL: the server's own database lets nobody in: ${(error as Error).message}. Is it up, and are address, user, password and database right?`,
      { cause: error },
    );
  });
  try {
    await client.query("select pg_advisory_lock(hashtext('odoosaas.migrations'))"); // waits; the runner's own lock gives up at once
    const done = await runner({
      dbClient: client,
      dir: DIRECTORY,
      direction: "up",
      migrationsTable: "migrations",
      singleTransaction: false,
      noLock: true,
      checkOrder: true,
      log: () => {},
      logger: { info: log, warn: log, error: log },
    });
    return done.map((migration) => migration.name);
  } catch (error) {
    throw new Error(`migration of the server's database failed: ${(error as Error).message}`, { cause: error });
  } finally {
    await client.query("select pg_advisory_unlock(hashtext('odoosaas.migrations'))").catch(() => {});
    client.release();
  }
}
