import { after, type TestContext } from "node:test";
import { Database, type DatabaseOptions } from "../automation/db/database.ts";
import { startPostgres, type TestPostgres } from "./postgres.ts";
import { MIGRATED } from "./postgres-cluster.ts";

let server: Promise<TestPostgres> | undefined;
let databases = 0;

const undos: (() => Promise<unknown>)[] = [];
after(async () => {
  for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) await undo();
});

/** After all tests of a file, last named first; for what a file's tests share. */
export function afterFile(undo: () => Promise<unknown>): void {
  undos.push(undo);
}

/** The PostgreSQL server that the tests of a file share: started for whoever asks first, stopped after the file. */
export function filePostgres(): Promise<TestPostgres> {
  if (server === undefined) {
    server = startPostgres();
    const starting = server;
    afterFile(async () => (await starting).stop());
  }
  return server;
}

/** A migrated database of its own on the file's server, until `t` ends, or for all tests of the file. */
export async function openDatabase(t?: Pick<TestContext, "after">): Promise<Database> {
  const database = await freshDatabase();
  if (t === undefined) afterFile(() => database.end());
  else t.after(() => database.end());
  return database;
}

/** The same, for whoever has to end it when something else has ended. */
export async function freshDatabase(options?: DatabaseOptions): Promise<Database> {
  const { url } = await filePostgres();
  const name = `test_${(databases += 1)}`;
  const admin = new Database(url, { connections: 1 });
  try {
    await admin.query(`create database ${name} template ${MIGRATED} strategy file_copy`);
  } finally {
    await admin.end();
  }
  return new Database(url.replace(/\/postgres$/, `/${name}`), options);
}
