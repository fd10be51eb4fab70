import pg from "pg";
import { isOutage } from "./outage.ts";

/** What a query function needs; both the pool and a transaction are one. */
export interface Queryable {
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>;
}

export interface QueryResult<Row> {
  readonly rows: Row[];
  /** Rows read or changed. */
  readonly rowCount: number;
}

/** Statements that take effect together or not at all. */
export interface Transaction extends Queryable {
  /** Marks a transaction, so that the pool is not passed by mistake where atomicity matters. */
  readonly inTransaction: true;
  /**
   * Done in order right before the commit; a failure rolls back. For what all transactions wait for in line: such a
   * lock is taken when all others are held, so that nobody who has it waits for anybody.
   */
  readonly beforeCommit: (() => Promise<void>)[];
}

export interface DatabaseOptions {
  /** Shown in pg_stat_activity. */
  applicationName?: string;
  /** Connections of the pool. Default 10. */
  connections?: number;
  /** Milliseconds after which an idle transaction is ended. Default 10,000. */
  idleInTransactionMs?: number;
  /** Milliseconds for a statement's answer. Default 60,000. */
  queryMs?: number;
  /** Told when an idle or listening connection breaks; the pool replaces it by itself. */
  onError?: (error: Error) => void;
}

/** bigint columns are counters and identity keys here: far below 2^53, so they are read as numbers. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: "text" | "binary"): unknown =>
    oid === pg.types.builtins.INT8 && format !== "binary" ? Number : pg.types.getTypeParser(oid, format),
};

/**
 * Milliseconds that a transaction may wait for this process's next statement. A process that is frozen in the middle of
 * one holds its rows, and the end of the audit log that all write to: PostgreSQL ends it, so that others can go on.
 */
const IDLE_IN_TRANSACTION_MS = 10_000;

/**
 * Milliseconds for an answer, far more than any statement here takes. A machine that is gone says nothing, not even that
 * it is gone: without an end all connections of the pool would wait for it, also when another has taken its place.
 */
export const QUERY_MS = 60_000;
/** The same for connections of which nothing is asked: those that only listen, or hold a lock. */
const NOTICES_SILENCE = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 } as const;
/** Of a pool: milliseconds for a connection, or for one to be free. */
export const POOL_PATIENCE = { ...NOTICES_SILENCE, connectionTimeoutMillis: 30_000 } as const;
/** Of a connection of its own, whose few statements are answered at once. */
export const OWN_CONNECTION = { ...NOTICES_SILENCE, connectionTimeoutMillis: 10_000, query_timeout: 10_000 } as const;

/** The server's own database: a pool of connections, transactions, and notifications. */
export class Database implements Queryable {
  readonly pool: pg.Pool;
  readonly url: string;
  /** Milliseconds for a statement's answer. */
  readonly queryMs: number;

  constructor(url: string, options: DatabaseOptions = {}) {
    this.url = url;
    this.queryMs = options.queryMs ?? QUERY_MS;
    this.pool = new pg.Pool({
      connectionString: url,
      application_name: options.applicationName ?? "odoosaas",
      max: options.connections ?? 10,
      ...POOL_PATIENCE,
      idle_in_transaction_session_timeout: options.idleInTransactionMs ?? IDLE_IN_TRANSACTION_MS,
      types,
    });
    const told = options.onError ?? (() => {});
    this.pool.on("error", told);
    // The pool hears only of idle ones: unheard, a server that dies under a transaction would end this process.
    this.pool.on("connect", (client) => client.on("error", told));
  }

  async query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<QueryResult<Row>> {
    const { rows, rowCount } = await this.pool.query<Row>(statement(text, values, this.queryMs));
    return { rows, rowCount: rowCount ?? 0 };
  }

  /** Commits when `work` resolves, rolls back when it throws. */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    try {
      const tx = asTransaction(client, this.queryMs);
      await tx.query("begin");
      const result = await work(tx);
      for (const last of tx.beforeCommit) await last();
      await tx.query("commit");
      return result;
    } catch (error) {
      // A broken connection is not reused.
      if (isOutage(error)) broken = error as Error;
      else await client.query("rollback").catch((failure: unknown) => (broken = failure as Error));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async end(): Promise<void> {
    await this.pool.end();
  }
}

/** As the driver takes it. Its types do not know of a time limit for one statement. */
function statement(text: string, values: readonly unknown[], ms: number): pg.QueryConfig & { query_timeout: number } {
  return { text, values: [...values], query_timeout: ms };
}

function asTransaction(client: pg.PoolClient, queryMs: number): Transaction {
  return {
    inTransaction: true,
    beforeCommit: [],
    async query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) {
      const { rows, rowCount } = await client.query<Row>(statement(text, values, queryMs));
      return { rows, rowCount: rowCount ?? 0 };
    },
  };
}
