import assert from "node:assert/strict";
import { test } from "node:test";
import { openTask } from "../../../automation/stripe/operator-task.ts";
import { startTestApi } from "../api/fixture.ts";
import { against } from "./run.ts";

test("tasks are listed with what to do, and resolved", async (t) => {
  const api = await startTestApi(t);
  const cli = against(api);
  const task = { kind: "no-room", detail: "every host is full", remedy: "Add a host." } as const;
  await api.database.transaction((tx) => openTask(tx, "sub_1", null, task, { name: "stripe" }));
  const { out } = await cli("tasks", "list");
  assert.match(out, /^1 {2}no-room {2}[\dT:.Z-]+\n {3}every host is full\n {3}→ Add a host\.\n1 task\n$/);
  assert.equal((await cli("tasks", "list", "--kind", "email-missing")).out, "0 tasks\n");
  assert.equal((await cli("tasks", "resolve", "1")).out, "task 1 is resolved\n");
  assert.equal((await cli("tasks", "list")).out, "0 tasks\n");
  assert.match((await cli("tasks", "list", "--all")).out, /no-room .* resolved /);
  assert.match((await cli("tasks", "resolve", "99")).error ?? "", /There is no task 99/);
});

test("events are listed, shown as they came, and handled again", async (t) => {
  const api = await startTestApi(t);
  const cli = against(api);
  await api.database.query(
    `insert into stripe_events (id, type, livemode, created_at, subscription_id, body, outcome, detail, handled_at)
     values ('evt_1', 'invoice.paid', false, now(), 'sub_1', '{"object": "event"}', 'ignored', 'not ours', now())`,
  );
  assert.match((await cli("events", "list")).out, /evt_1 +invoice\.paid +\S+ +sub_1 +ignored +not ours\n$/);
  assert.doesNotMatch((await cli("events", "list", "--outcome", "unhandled")).out, /evt_1/);
  assert.doesNotMatch((await cli("events", "list", "--subscription", "sub_2")).out, /evt_1/);
  assert.match((await cli("events", "show", "evt_1")).out, /type +invoice\.paid\n[^]*"object": "event"/);
  assert.equal((await cli("events", "replay", "evt_1")).out, "event evt_1 is queued\n");
  assert.deepEqual(api.queue.events, ["evt_1"]);
  assert.match((await cli("events", "replay", "evt_9")).error ?? "", /no event/i);
});

test("the queue is shown, paused and gone on with, and its dead letters are tried again", async (t) => {
  const api = await startTestApi(t);
  const cli = against(api);
  const letter = { queue: "reconcile", data: { tenantId: 7 }, failedAt: new Date(0), error: "no host" } as const;
  api.queue.dead = ["d1", "d2", "d3"].map((id) => ({ ...letter, id }));
  const { out } = await cli("queue", "show");
  assert.match(out, /^paused +no\nwaiting +2\n[^]*dead +3\n\nDEAD LETTER/);
  assert.match(out, /d1 +reconcile +\{"tenantId":7\} +1970-01-01T00:00:00\.000Z +no host\n/);
  assert.equal((await cli("queue", "pause")).out, "paused\n");
  assert.equal(api.queue.paused, true);
  assert.equal((await cli("queue", "resume")).out, "going on\n");
  assert.equal(api.queue.paused, false);
  assert.equal((await cli("queue", "retry", "d2")).out, "1 queued again\n");
  assert.match((await cli("queue", "retry", "d2")).error ?? "", /no dead letter "d2"/);
  assert.equal((await cli("queue", "retry", "--all")).out, "2 queued again\n");
  assert.deepEqual(api.queue.dead, []);
  assert.match((await cli("queue", "retry")).error ?? "", /say --all/);
});

test("plans are listed with what they give", async (t) => {
  const cli = against(await startTestApi(t));
  assert.match((await cli("plans")).out, /^PLAN +CONNECTIONS +MODULES\nshared +20\ndedicated +50 +crm\n$/);
  assert.equal((await cli("plans", "list")).out, (await cli("plans")).out);
  assert.equal((JSON.parse((await cli("plans", "--json")).out) as { plans: unknown[] }).plans.length, 2);
});
