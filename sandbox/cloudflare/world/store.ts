import { chmodSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** Objects of one kind by id. What `put` and `delete` have returned from survives kill -9 of this process. */
export interface Collection<T> {
  all(): T[];
  put(id: string, value: T): void;
  delete(id: string): void;
}

/**
 * The emulator's memory over restarts: one SQLite file in WAL mode. A write costs the same however much there is, and
 * has reached the operating system when it returns; only a power failure could lose the last ones.
 */
export class StateStore {
  readonly #database: DatabaseSync;

  /** Throws when another process has the file open. `:memory:` keeps nothing. */
  constructor(file: string) {
    this.#database = new DatabaseSync(file, { timeout: 500 });
    try {
      this.#database.exec("pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = normal");
      this.#database.exec(
        "create table if not exists objects (kind text not null, id text not null, body text not null, primary key (kind, id)) without rowid",
      );
    } catch (error) {
      this.#database.close();
      throw new Error(`cannot open the state file ${file}: is another emulator running on it?`, { cause: error });
    }
    if (file !== ":memory:") chmodSync(file, 0o600);
  }

  collection<T>(kind: string): Collection<T> {
    const all = this.#database.prepare("select body from objects where kind = ?");
    const put = this.#database.prepare(
      "insert into objects (kind, id, body) values (?, ?, ?) on conflict (kind, id) do update set body = excluded.body",
    );
    const remove = this.#database.prepare("delete from objects where kind = ? and id = ?");
    return {
      all: () => all.all(kind).map((row) => JSON.parse(String(row["body"])) as T),
      put: (id, value) => void put.run(kind, id, JSON.stringify(value)),
      delete: (id) => void remove.run(kind, id),
    };
  }

  close(): void {
    this.#database.close();
  }
}
