import pg from "pg";
import { stateTable } from "./state-table.ts";

/**
 * Removes all but the newest updates of each stack from the history in a PostgreSQL state backend, where every update
 * adds two rows, one of them as large as the state. The CLI prunes nothing. Returns how many rows went; other backends
 * have rules of their own for old objects.
 *
 * The newest must stay: `pulumi config refresh` reads it.
 */
export async function pruneHistory(backendUrl: string, keptPerStack: number, atOnce = 1_000): Promise<number> {
  const table = stateTable(backendUrl);
  if (table === undefined) return 0;
  const client = new pg.Client({ connectionString: table.url, application_name: "odoosaas-history" });
  client.on("error", () => {}); // the query that is under way tells
  await client.connect();
  try {
    const { rows } = await client.query<{ there: string | null }>("select to_regclass($1) as there", [table.name]);
    if (rows[0]?.there === null) return 0; // no stack was ever made
    let pruned = 0;
    for (let removed = atOnce; removed === atOnce; pruned += removed)
      removed = (await client.query(prune(table.name), [keptPerStack, atOnce])).rowCount ?? 0;
    return pruned;
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * `.pulumi/history/<project>/<stack>/<stack>-<nanoseconds>.history.json`, and the same with `.checkpoint.json`; `.gz` or
 * `.zst` may follow (backend/diy/state.go of pulumi/pulumi). A directory is one stack's, and the numbers all have 19 digits.
 */
function prune(table: string): string {
  const name = pg.escapeIdentifier(table);
  return `
    delete from ${name} where key in (
      select key from (
        select key, row_number() over (partition by file[1], file[2] order by key collate "C" desc) as age
        from ${name}, regexp_match(key, '^(.*/)[^/]+-\\d{19}\\.(history|checkpoint)\\.json(?:\\.gz|\\.zst)?$') as file
        where position('.pulumi/history/' in key) > 0 and file is not null
      ) entries where age > $1 limit $2)`;
}
