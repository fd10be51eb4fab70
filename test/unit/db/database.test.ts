import assert from "node:assert/strict";
import { test } from "node:test";
import { Database } from "../../../automation/db/database.ts";
import { startPostgres } from "../../postgres.ts";
import { until } from "../../until.ts";

test("a transaction whose process says nothing more is ended, so that its rows are free for others", async (t) => {
  const { url } = await startPostgres(t);
  const told: Error[] = [];
  const [frozen, other] = [
    new Database(url, { idleInTransactionMs: 300, onError: (error) => told.push(error) }),
    new Database(url),
  ];
  t.after(() => Promise.all([frozen.end(), other.end()]));
  await other.query("create table counter (n integer)");
  await other.query("insert into counter values (0)");
  const free = Promise.withResolvers<void>();
  const held = frozen.transaction(async (tx) => {
    await tx.query("update counter set n = 1");
    await free.promise;
    await tx.query("update counter set n = 2");
  });
  held.catch(() => {});
  await until(
    "the row to be locked",
    () => other.query("select 1 from pg_locks where locktype = 'transactionid'"),
    ({ rowCount }) => rowCount > 0,
    5_000,
  );
  await other.query("update counter set n = 3");
  free.resolve();
  await assert.rejects(held);
  assert.deepEqual((await other.query("select n from counter")).rows, [{ n: 3 }]);
  assert.ok(told.length > 0);
  assert.deepEqual((await frozen.query("select n from counter")).rows, [{ n: 3 }]);
});
