import assert from "node:assert/strict";
import { test } from "node:test";
import { BossQueue } from "../../../automation/queue/boss-queue.ts";
import { freshDatabase } from "../../database.ts";
import { until } from "../../until.ts";

test("the queue is ready while its schema is there and its workers ask for jobs", async (t) => {
  const db = await freshDatabase();
  const queue = await BossQueue.start({ db, name: "worker" });
  let running = true;
  t.after(async () => {
    if (running) await queue.stop(1_000);
    await db.end();
  });
  const problem = async (askedWithinMs?: number): Promise<string> =>
    queue.check(askedWithinMs).then(
      () => "none",
      (error: unknown) => (error as Error).message,
    );
  assert.equal(await problem(), "none", "a process that only sends");

  const nothing = async (): Promise<void> => {};
  const handlers = { reconcile: nothing, tunnel: nothing, stripeEvent: nothing, preview: nothing };
  await queue.work(handlers, { reconciles: 2, perHost: 8, stripeEvents: 1 });
  assert.equal(await problem(), "none");

  // Whoever asks for a job now waits for this transaction.
  await db.transaction(async (tx) => {
    await tx.query("lock table pgboss.job in access exclusive mode");
    await until(
      "silence",
      () => problem(3_000),
      (seen) => /4 of 4 workers do not ask/.test(seen),
      15_000,
    );
  });
  await until(
    "their return",
    () => problem(3_000),
    (seen) => seen === "none",
    15_000,
  );

  await db.query("alter schema pgboss rename to elsewhere");
  assert.match(await problem(), /schema is not there/);
  await db.query("alter schema elsewhere rename to pgboss");
  running = false;
  await queue.stop(1_000);
  assert.match(await problem(), /stopping/);
});
