import pg from "pg";
import type { World } from "../world.ts";

/** Rows of all tables as text; compressed or binary columns as the bytes they are. */
export async function everyRow(
  world: Pick<World, "connect">,
  databases: string[],
): Promise<[database: string, table: string, row: string][]> {
  const rows: [string, string, string][] = [];
  for (const database of databases) {
    const client = await world.connect(database);
    try {
      const tables = await client.query<{ schema: string; name: string }>(
        "select table_schema as schema, table_name as name from information_schema.tables where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')",
      );
      for (const { schema, name } of tables.rows) {
        const table = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;
        const found = await client.query<Record<string, unknown>>(`select * from ${table}`);
        for (const row of found.rows) {
          const values = Object.values(row).map((value) =>
            Buffer.isBuffer(value)
              ? value.toString("latin1")
              : typeof value === "string"
                ? value
                : JSON.stringify(value),
          );
          rows.push([database, name, values.join("\n")]);
        }
      }
    } finally {
      await client.end();
    }
  }
  return rows;
}
