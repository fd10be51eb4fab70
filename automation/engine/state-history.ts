import pg from "pg";
import { stateTable } from "./state-table.ts";
import { PROJECT } from "./workspace.ts";

/**
 * Removes all but the newest updates of each stack from the history in a PostgreSQL state backend, where every update
 * adds two rows, one of them as large as the state. The CLI prunes nothing. Returns how many rows went; other backends
 * have rules of their own for old objects.
 *
 * The newest must stay: `pulumi config refresh` reads it.
 */
export async function pruneHistory(backendUrl: string, keptPerStack: number, atOnce = 1_000): Promise<number> {
  const pruned = await inTable(backendUrl, async (client, table) => {
    let total = 0;
    for (let removed = atOnce; removed === atOnce; total += removed)
      removed = (await client.query(prune(table), [keptPerStack, atOnce])).rowCount ?? 0;
    return total;
  });
  return pruned ?? 0;
}

/**
 * Removes what a PostgreSQL state backend keeps of the project's earlier states: copies, which only the passphrase of
 * their time opens, and entries of the history whose configuration holds secrets. Entries without stay, for `pulumi
 * config refresh`. False for other backends, where they stay.
 */
export async function forgetEarlierStates(backendUrl: string): Promise<boolean> {
  await inTable(backendUrl, (client, table) => client.query(forget(table), [PROJECT]));
  return stateTable(backendUrl) !== undefined;
}

/** Undefined for a backend that is not in PostgreSQL, and where no stack was ever made. */
async function inTable<T>(
  backendUrl: string,
  work: (client: pg.Client, table: string) => Promise<T>,
): Promise<T | undefined> {
  const table = stateTable(backendUrl);
  if (table === undefined) return undefined;
  const client = new pg.Client({ connectionString: table.url, application_name: "odoosaas-history" });
  client.on("error", () => {}); // the query that is under way tells
  await client.connect();
  try {
    const { rows } = await client.query<{ there: string | null }>("select to_regclass($1) as there", [table.name]);
    return rows[0]?.there == null ? undefined : await work(client, table.name);
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

/** A row's data is `{"data": "<base64>"}`. What is compressed cannot be looked into here, and goes. */
function forget(table: string): string {
  return `
    delete from ${pg.escapeIdentifier(table)}
    where case
      when position('.pulumi/backups/' || $1 || '/' in key) > 0 then true
      when position('.pulumi/stacks/' || $1 || '/' in key) > 0 then key like '%.bak'
      when position('.pulumi/history/' || $1 || '/' in key) = 0 then false
      when key like '%.history.json'
        then coalesce(convert_from(decode(data->>'data', 'base64'), 'UTF8') ~ '"secret":\\s*true', true)
      else true
    end`;
}
