import pg from "pg";
import type { Fence } from "./engine.ts";
import { fencedName } from "./state-table.ts";
import { PROJECT } from "./workspace.ts";

/** Of checkpoints, as this file writes them. */
const VERSION = 3;

/**
 * The rows of the engine's table that need no engine: starting the CLI for one row costs a third of a second of
 * processor time. What is not as it is known here is left to the CLI.
 */
export class StateRows {
  readonly #pool: pg.Pool;
  /** Quoted. */
  readonly #table: string;
  /** What the engine puts before its keys: the path of the backend's address. */
  #root: string | undefined;

  constructor(pool: pg.Pool, table: string) {
    this.#pool = pool;
    this.#table = pg.escapeIdentifier(table);
  }

  /**
   * Makes a stack without resources, as `pulumi stack init` does. False when it was not made: it is there already, or is
   * locked, or nothing in the table shows that the engine's rows are as they are known here.
   */
  async make(stack: string, fence?: Fence): Promise<boolean> {
    const name = nameOf(stack);
    this.#root ??= await this.#lookAround();
    if (name === undefined || this.#root === undefined) return false;
    const checkpoint = Buffer.from(JSON.stringify({ version: VERSION, checkpoint: { stack } }));
    const client = await this.#pool.connect();
    try {
      await client.query("begin");
      if (fence !== undefined)
        await client.query("select set_config('application_name', $1, true)", [fencedName(fence)]);
      const { rowCount } = await client.query(
        `insert into ${this.#table} (key, data)
         select $1, $2::json where not exists (select from ${this.#table} where key like $3) on conflict (key) do nothing`,
        [
          `${this.#root}stacks/${PROJECT}/${name}.json`,
          JSON.stringify({ data: checkpoint.toString("base64") }),
          `${escapePattern(`${this.#root}locks/${stack}/`)}%`,
        ],
      );
      await client.query("commit");
      return rowCount === 1;
    } catch (error) {
      await client.query("rollback").catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  }

  /** Removes the engine's locks of a stack, also of one that does not exist. Only when their owner is proven dead. */
  async removeLocks(stack: string): Promise<void> {
    await this.#pool.query(`delete from ${this.#table} where position($1 in key) > 0`, [`.pulumi/locks/${stack}/`]);
  }

  /** What stands before the keys, as another stack shows it; undefined unless that stack is in the known form. */
  async #lookAround(): Promise<string | undefined> {
    const { rows } = await this.#pool
      .query<{ key: string; data: { data?: unknown } }>(
        `select key, data from ${this.#table} where key like $1 order by key desc limit 1`,
        [`%.pulumi/stacks/${PROJECT}/%.json`],
      )
      .catch((error: unknown) => {
        if ((error as { code?: string }).code === "42P01") return { rows: [] }; // undefined_table: the engine makes it
        throw error;
      });
    const [, root, name] = /^(.*\.pulumi\/)stacks\/[^/]+\/([^/]+)\.json$/.exec(rows[0]?.key ?? "") ?? [];
    return root !== undefined && isKnownForm(rows[0]?.data.data, `organization/${PROJECT}/${name}`) ? root : undefined;
  }
}

function isKnownForm(data: unknown, stack: string): boolean {
  try {
    const file: unknown = JSON.parse(Buffer.from(String(data), "base64").toString());
    const { version, checkpoint } = file as { version?: unknown; checkpoint?: { stack?: unknown } };
    return version === VERSION && checkpoint?.stack === stack;
  } catch {
    return false; // compressed, for example
  }
}

function nameOf(stack: string): string | undefined {
  return new RegExp(`^organization/${PROJECT}/([a-z0-9][a-z0-9-]*)$`).exec(stack)?.[1];
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\%_]/g, String.raw`\$&`);
}
