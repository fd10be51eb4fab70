import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { Database } from "../../../automation/db/database.ts";
import { isOutage } from "../../../automation/db/outage.ts";
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

test(
  "a machine that is gone without a word is an outage, and holds no connection once another has its place",
  { timeout: 30_000 },
  async (t) => {
    const { url } = await startPostgres(t);
    const at = new URL(url);
    const port = Number(at.port);
    const between = new Set<Socket>();
    const network = createServer((socket) => {
      const server = connect(port, at.hostname);
      between.add(socket.pipe(server)).add(server.pipe(socket));
      for (const one of [socket, server]) one.on("error", () => {});
    }).listen(0, "127.0.0.1");
    await once(network, "listening");
    t.after(() => {
      network.close();
      for (const socket of between) socket.destroy();
    });
    at.port = String((network.address() as AddressInfo).port);
    const database = new Database(at.href, { connections: 2, queryMs: 400 });
    t.after(() => database.end());
    await Promise.all([database.query("select pg_sleep(0.1)"), database.query("select pg_sleep(0.1)")]);
    for (const socket of between) socket.unpipe().pause(); // nothing comes through any more, and nobody says so
    await Promise.all([
      assert.rejects(database.query("select 1"), isOutage),
      assert.rejects(
        database.transaction((tx) => tx.query("select 1")),
        isOutage,
      ),
    ]);
    assert.equal((await database.query("select 1")).rowCount, 1);
    assert.equal((await database.transaction((tx) => tx.query("select 1"))).rowCount, 1);
  },
);
