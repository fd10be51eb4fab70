import pg from "pg";
import type { Fence } from "./engine.ts";
import { StateRows } from "./state-rows.ts";
import { compressQuickly } from "./state-compression.ts";
import { fencedName, type StateTable, stateTable } from "./state-table.ts";

/** Seen in pg_locks: one process at a time installs. */
const INSTALLING = 0x0d01;
const PATIENCE_MS = 5_000;

/**
 * Keeps the engine of a run that has lost its right from writing state: one that was frozen, with its whole machine
 * even, and awakes when another has taken over. Each run connects to the state backend under a name that tells for whom
 * it runs; a trigger on the table refuses all names but the one raised last. The engine notes every step in the state
 * before it takes it, so without the state it takes none. Connections of operators bear no such name and pass.
 */
export class StateFence {
  /** Of the table behind the fence. */
  readonly rows: StateRows;
  readonly #url: string;
  readonly #table: string;
  readonly #pool: pg.Pool;
  readonly #log: (line: string) => void;
  #installed: Promise<boolean> | undefined;

  private constructor(backendUrl: string, table: StateTable, log: (line: string) => void) {
    this.#url = new URL(backendUrl).href;
    this.#log = log;
    this.#table = table.name;
    this.#pool = new pg.Pool({
      connectionString: table.url,
      application_name: "odoosaas-fence",
      max: 2,
      idleTimeoutMillis: 60_000,
      connectionTimeoutMillis: PATIENCE_MS,
      query_timeout: PATIENCE_MS,
    });
    this.#pool.on("error", () => {}); // an idle connection broke: the pool makes another
    this.rows = new StateRows(this.#pool, table.name);
  }

  /** Undefined for backends other than PostgreSQL: nothing but the engine's guard protects those. */
  static of(backendUrl: string, log: (line: string) => void = () => {}): StateFence | undefined {
    const table = stateTable(backendUrl);
    return table && new StateFence(backendUrl, table, log);
  }

  /** The backend's URL for a run with that right. */
  urlFor(fence: Fence): string {
    const url = new URL(this.#url);
    url.searchParams.set("application_name", fencedName(fence));
    return url.href.replaceAll("+", "%20");
  }

  /** From now on only a run with that right may write. To be called while it is certain that the caller has it. */
  async raise({ subject, token }: Fence): Promise<void> {
    this.#installed ??= this.#install();
    try {
      if (await this.#installed) await this.#pool.query(RAISE, [subject, token]);
    } catch (error) {
      this.#installed = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /** False when the backend's role may not, which is told. */
  async #install(): Promise<boolean> {
    const client = await this.#pool.connect();
    try {
      await client.query(`begin; select pg_advisory_xact_lock(${INSTALLING}); ${FENCES}`);
      const { rows } = await client.query(KNOWN, [this.#table]);
      // Only once: making it keeps all writers waiting.
      if (rows.length === 0) await client.query(`${FUNCTION}; ${trigger(this.#table)}`);
      await client.query("commit");
      await compressQuickly(client, this.#table);
      return true;
    } catch (error) {
      await client.query("rollback").catch(() => {});
      if ((error as { code?: string }).code !== "42501") throw error; // insufficient_privilege
      this.#log(
        `the state backend's role may not fence its writes; let it own ${this.#table}: ${(error as Error).message}`,
      );
      return false;
    } finally {
      client.release();
    }
  }
}

const RAISE = `
  insert into odoosaas_fences (subject, token) values ($1, $2)
  on conflict (subject) do update set token = excluded.token where odoosaas_fences.token <> excluded.token`;

const FENCES = `create table if not exists odoosaas_fences (subject text primary key, token bigint not null)`;

const KNOWN = `select 1 from pg_trigger where tgname = 'odoosaas_fence_1' and tgrelid = to_regclass($1)`;

// The shared lock makes whoever raises the fence wait for the end of a write that has passed it.
const FUNCTION = `
  create or replace function odoosaas_fence_1() returns trigger language plpgsql as $$
  declare
    run text[] := regexp_match(current_setting('application_name'), '^odoosaas-run ([a-z]+-\\d+)\\.(\\d+)$');
    raised bigint;
  begin
    if run is not null then
      select token into raised from odoosaas_fences where subject = run[1] for share;
      if raised <> run[2]::bigint then
        raise exception 'another worker has taken over: run %.% may not write', run[1], run[2];
      end if;
    end if;
    return null;
  end $$`;

function trigger(table: string): string {
  return `create trigger odoosaas_fence_1 before insert or update or delete on ${pg.escapeIdentifier(table)}
    for each statement execute function odoosaas_fence_1()`;
}
