import assert from "node:assert/strict";
import { test } from "node:test";
import type { Transaction } from "../../../automation/db/database.ts";
import { BossQueue } from "../../../automation/queue/boss-queue.ts";
import { dropSettledLetters } from "../../../automation/queue/settled-letters.ts";
import { openDatabase } from "../../database.ts";
import { until } from "../../until.ts";
import { sendingTo, workingOn } from "./working-on.ts";

const db = await openDatabase();
const queue = await sendingTo(db);

test("an event whose worker died is given to another within its heartbeat, also in a queue made by an older release", async (t) => {
  await db.query("update pgboss.queue set heartbeat_seconds = null where name = 'stripe-event'");
  const newer = await BossQueue.start({ db, name: "newer" });
  t.after(() => newer.stop(1_000));
  await db.transaction((tx) => newer.enqueueStripeEvent(tx, "evt_orphan"));
  assert.deepEqual(await newer.stripeEventsAtWork(), ["evt_orphan"]);
  // As a worker leaves it that was killed a minute ago.
  await db.query(
    "update pgboss.job set state = 'active', started_on = now() - interval '1 minute', heartbeat_on = now() - interval '1 minute' where singleton_key = 'evt_orphan'",
  );
  const handled: string[] = [];
  await workingOn(db, t, { stripeEvent: async (id) => void handled.push(id) });
  await until(
    "the event",
    () => handled,
    (ids) => ids.includes("evt_orphan"),
    20_000,
  );
  await until(
    "its job's end",
    () => newer.stripeEventsAtWork(),
    (ids) => ids.length === 0,
    10_000,
  );
});

test("there is no dead letter under what cannot be the id of one", async () => {
  for (const id of ["12", "nonsense", "00000000-0000-0000-0000-000000000000"])
    assert.equal(await db.transaction((tx) => queue.revive(tx, id)), false, id);
});

test("an event whose handling fails for good is kept as a dead letter, and can be revived", async (t) => {
  await db.transaction((tx) => queue.enqueueStripeEvent(tx, "evt_poison"));
  await db.query("update pgboss.job set retry_limit = 0 where name = 'stripe-event'");
  let broken = true;
  const handled: string[] = [];
  await workingOn(db, t, {
    stripeEvent: async (id) => {
      if (broken) throw new Error("cannot be read");
      handled.push(id);
    },
  });
  const [letter] = await until(
    "the dead letter",
    () => queue.deadLetters(),
    (letters) => letters.length === 1,
    20_000,
  );
  assert.deepEqual(
    [letter?.queue, letter?.data, letter?.error],
    ["stripe-event", { eventId: "evt_poison" }, "cannot be read"],
  );
  broken = false;
  const revived = (tx: Transaction): Promise<boolean> => queue.revive(tx, letter?.id ?? "");
  await assert.rejects(
    db.transaction(async (tx) => {
      await revived(tx);
      throw new Error("not audited");
    }),
    /not audited/,
  );
  assert.equal((await queue.depth()).dead, 1, "it is revived together with its audit line, or not at all");
  assert.equal(await db.transaction(revived), true);
  await until(
    "the event",
    () => handled,
    (ids) => ids.includes("evt_poison"),
    20_000,
  );
  assert.equal((await queue.depth()).dead, 0);
});

test("dead letters of what was handled all the same are not left to an operator, and an event has one at most", async () => {
  await db.query(`
    insert into stripe_events (id, type, livemode, created_at, subscription_id, body, outcome, handled_at)
    values ('evt_healed', 'invoice.paid', false, now(), 'sub_1', '{}', 'applied', now()),
      ('evt_stuck', 'invoice.paid', false, now(), 'sub_2', '{}', null, null)`);
  for (const [n, data] of [
    { eventId: "evt_healed" },
    { eventId: "evt_stuck" },
    { eventId: "evt_stuck" },
    { tenantId: 7 },
  ].entries())
    await db.query(
      "insert into pgboss.job (name, data, created_on) values ('dead-letter', $1, now() + make_interval(secs => $2))",
      [JSON.stringify(data), n],
    );
  assert.equal(await dropSettledLetters(db), 2);
  const left = await queue.deadLetters();
  assert.deepEqual(
    left.map(({ data }) => JSON.stringify(data)).toSorted((a, b) => a.localeCompare(b)),
    ['{"eventId":"evt_stuck"}', '{"tenantId":7}'],
  );
  assert.equal(await dropSettledLetters(db), 0);
});
