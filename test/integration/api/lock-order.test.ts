import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database } from "../../../automation/db/database.ts";
import { settleEvents } from "../../../automation/stripe/inbox.ts";
import { openTask, type OperatorTask, type TaskKind } from "../../../automation/stripe/operator-task.ts";
import { verifyAudit } from "../../../automation/audit/verify.ts";
import { until } from "../../until.ts";
import { type Answer, startTestApi } from "./fixture.ts";

const BY = { name: "stripe" } as const;
const task = (kind: TaskKind): OperatorTask => ({ kind, detail: "d", remedy: "r" });

/** Somebody waits for a lock, or has got through without waiting. */
async function waitingOrDone(database: Database, request: Promise<Answer>): Promise<void> {
  let done = false;
  void request.finally(() => (done = true));
  const waits = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  await until(
    "the request",
    async () => done || (await database.query(waits)).rowCount > 0,
    (seen) => seen,
    10_000,
  );
}

test("an operator's resolve and an event that opens one task and repeats another do not lock each other out", async (t) => {
  const api = await startTestApi(t);
  const { database } = api;
  await database.transaction((tx) => openTask(tx, "sub_1", null, task("price-unknown"), BY));
  const { rows } = await database.query<{ id: number }>("select id from operator_tasks");
  let resolved: Promise<Answer> | undefined;
  await database.transaction(async (tx) => {
    await openTask(tx, "sub_1", null, task("plan-unknown"), BY);
    resolved = api.call("POST", `/api/tasks/${rows[0]?.id}/resolve`);
    await waitingOrDone(database, resolved);
    await openTask(tx, "sub_1", null, task("price-unknown"), BY);
  });
  assert.equal((await resolved)?.status, 200);
  const open = await database.query("select kind from operator_tasks where resolved_at is null order by kind");
  assert.deepEqual(
    open.rows.map(({ kind }) => kind as string),
    ["plan-unknown", "price-unknown"],
  );
  assert.equal((await verifyAudit(database)).lines, 4);
});

test("nor do an operator's replay of an event and the reading that settles it", async (t) => {
  const api = await startTestApi(t);
  const { database } = api;
  await database.query(`
    insert into stripe_events (id, type, livemode, created_at, subscription_id, body)
    values ('evt_1', 'invoice.paid', false, now(), 'sub_1', '{}')`);
  let replayed: Promise<Answer> | undefined;
  await database.transaction(async (tx) => {
    await openTask(tx, "sub_1", null, task("plan-unknown"), BY);
    replayed = api.call("POST", "/api/events/evt_1/replay");
    await waitingOrDone(database, replayed);
    const outcome = { outcome: "task", detail: "", tenantId: null } as const;
    await settleEvents(tx, "sub_1", new Date(Date.now() + 60_000), outcome);
  });
  assert.equal((await replayed)?.status, 202);
});
