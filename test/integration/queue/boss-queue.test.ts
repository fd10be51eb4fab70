import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Priority } from "../../../automation/queue/queue.ts";
import { sweep } from "../../../automation/queue/sweep.ts";
import { openDatabase } from "../../database.ts";
import { until } from "../../until.ts";
import { sendingTo, workingOn } from "./working-on.ts";

const db = await openDatabase();
const queue = await sendingTo(db);

/** What a test before has left in the queue, or due, is none of the next one's. */
beforeEach(async () => {
  await db.query("delete from pgboss.job");
  await db.query("delete from standalone_tunnels");
  await db.query("delete from tenant_deployments");
});

test("work is queued with its cause or not at all, and only once while it waits", async (t) => {
  const id = await tenant();
  await assert.rejects(
    db.transaction(async (tx) => {
      await queue.enqueueReconcile(tx, id);
      throw new Error("changed my mind");
    }),
  );
  assert.equal((await queue.depth()).waiting, 0);
  await db.transaction((tx) => queue.enqueueReconcile(tx, id, Priority.background));
  await db.transaction((tx) => queue.enqueueReconcile(tx, id, Priority.background));
  assert.equal((await queue.depth()).waiting, 1);

  // The urgent one goes first, though it was queued in the same place as an idle one.
  const urgent = await tenant();
  await db.transaction((tx) => queue.enqueueReconcile(tx, urgent, Priority.background));
  await db.transaction((tx) => queue.enqueueReconcile(tx, urgent, Priority.customer));
  const seen: number[] = [];
  await workingOn(db, t, { reconcile: async (tenantId) => void seen.push(tenantId) }, 1);
  await until(
    "both",
    () => seen.length,
    (count) => count === 2,
    10_000,
  );
  assert.deepEqual(seen, [urgent, id]);
});

test("one tenant is worked on once at a time, many tenants at once, and a full host's wait in the queue", async (t) => {
  const [one, two, three, elsewhere] = [await tenant(), await tenant(), await tenant(), await tenant(106)];
  const active = new Map<number, number>();
  const doors: (() => void)[] = [];
  await workingOn(
    db,
    t,
    {
      reconcile: async (tenantId) => {
        active.set(tenantId, (active.get(tenantId) ?? 0) + 1);
        assert.equal(active.get(tenantId), 1);
        await new Promise<void>((resolve) => doors.push(resolve));
        active.set(tenantId, 0);
      },
    },
    4,
    2,
  );
  const queueNext = async (id: number, atWork: number): Promise<void> => {
    await queue.enqueueReconcile(db, id);
    await until(
      `${atWork} at work`,
      () => doors.length,
      (count) => count === atWork,
      10_000,
    );
  };
  await queueNext(one, 1);
  await queueNext(two, 2);
  await queue.enqueueReconcile(db, three);
  await queue.enqueueReconcile(db, one); // waits behind the running one
  await queueNext(elsewhere, 3); // handed out past both
  assert.deepEqual([...active.keys()], [one, two, elsewhere]);
  await until(
    "the rest",
    () => (doors.pop()?.(), [...active.values()]),
    (counts) => counts.length === 4 && counts.every((n) => n === 0),
    20_000,
  );
});

test("a wish that comes while its tenant is at work is worked on afterwards", async (t) => {
  const id = await tenant();
  let runs = 0;
  let open: () => void = () => {};
  await workingOn(db, t, {
    reconcile: async () => {
      runs += 1;
      if (runs === 1) await new Promise<void>((resolve) => (open = resolve));
    },
  });
  await queue.enqueueReconcile(db, id);
  await until(
    "the first run",
    () => runs,
    (count) => count === 1,
    10_000,
  );
  await queue.enqueueReconcile(db, id);
  open();
  await until(
    "the second run",
    () => runs,
    (count) => count === 2,
    10_000,
  );
});

test("a pause with an end goes off by itself, and does not shorten one without", async () => {
  const pause = (seconds?: number): Promise<void> => db.transaction((tx) => queue.pauseAll(tx, true, seconds));
  await pause(0.2);
  assert.equal(await queue.isPaused(), true);
  await until(
    "its end",
    () => queue.isPaused(),
    (paused) => !paused,
    10_000,
  );
  await pause(60);
  assert.ok((await queue.pause())?.endsAt instanceof Date);
  await pause();
  await pause(60);
  assert.deepEqual(await queue.pause(), { endsAt: null });
  await db.transaction((tx) => queue.pauseAll(tx, false));
  assert.equal(await queue.pause(), undefined);
});

test("while all work is paused nothing is handed out, and the sweep finds it afterwards", async (t) => {
  const id = await tenant();
  const seen: number[] = [];
  await db.transaction((tx) => queue.pauseAll(tx, true));
  await workingOn(db, t, { reconcile: async (tenantId) => void seen.push(tenantId) });
  await queue.enqueueReconcile(db, id);
  await until(
    "an empty queue",
    async () => (await queue.depth()).waiting,
    (waiting) => waiting === 0,
    10_000,
  );
  assert.equal(await sweep(db, queue), 0);
  assert.equal(seen.length, 0);
  await db.transaction((tx) => queue.pauseAll(tx, false));
  assert.ok((await sweep(db, queue)) >= 1);
  await until(
    "the tenant",
    () => seen.includes(id),
    (yes) => yes,
    10_000,
  );
});

test("a container's own tunnel is worked on beside the tenant of its number, in its host's share, and swept likewise", async (t) => {
  const { rows } = await db.query<{ id: number }>(
    "insert into standalone_tunnels (subscription_id, container_id, local_port, label) values ('sub_q', 105, 80, 'queued-shop') returning id",
  );
  const id = rows[0]?.id ?? 0;
  const tunnels: number[] = [];
  const tenants: number[] = [];
  await queue.enqueueTunnel(db, id, Priority.background);
  await queue.enqueueTunnel(db, id, Priority.customer);
  await queue.enqueueReconcile(db, id);
  assert.equal((await queue.depth()).waiting, 2);
  const groups = await db.query<{ group_id: string }>("select group_id from pgboss.job where singleton_key = $1", [
    `tunnel-${id}`,
  ]);
  assert.deepEqual(groups.rows, [{ group_id: "host-105" }]);
  await workingOn(db, t, {
    reconcile: async (tenantId) => void tenants.push(tenantId),
    tunnel: async (tunnelId) => void tunnels.push(tunnelId),
  });
  await until(
    "both",
    () => [tunnels.length, tenants.length],
    ([ofTunnel, ofTenant]) => ofTunnel === 1 && ofTenant === 1,
    10_000,
  );
  assert.equal(await sweep(db, queue), 1);
  await until(
    "the swept one",
    () => tunnels,
    (seen) => seen.length === 2,
    10_000,
  );
  await db.query("update standalone_tunnels set observed_generation = generation");
  assert.equal(await sweep(db, queue), 0);
});

test("a sweep queues what is due: not the converged, paused, stalled, waiting, deleted or leased", async () => {
  const due = await tenant();
  const changes = [
    "observed_generation = generation",
    "paused = true",
    "state = 'stalled', attempts = 1",
    "retry_at = now() + interval '1 hour'",
    "state = 'deleted'",
    "lease_until = now() + interval '1 minute'",
  ];
  for (const change of changes)
    await db.query(`update tenant_deployments set ${change} where id = $1`, [await tenant()]);
  const again = await tenant();
  await db.query("update tenant_deployments set state = 'stalled', attempts = 0 where id = $1", [again]);
  assert.equal(await sweep(db, queue), 2);
  assert.equal((await queue.depth()).waiting, 2);
  assert.ok(due !== again);
});

test("the sweep lets customers who wait to be let in, and what a dead worker left half done, go before all else", async () => {
  const ids = [await tenant(), await tenant(), await tenant(), await tenant(), await tenant()];
  const [changed, resumed, fresh, leaving, interrupted] = ids;
  await db.query("update tenant_deployments set ready_at = now(), converged_state = 'active' where id = any($1)", [
    [changed, leaving, interrupted],
  ]);
  await db.query("update tenant_deployments set lease_until = now() - interval '1 second' where id = $1", [
    interrupted,
  ]);
  await db.query("update tenant_deployments set ready_at = now(), converged_state = 'suspended' where id = $1", [
    resumed,
  ]);
  await db.query("update tenant_deployments set wanted = 'deleted', ready_at = null where id = $1", [leaving]);
  await sweep(db, queue);
  const { rows } = await db.query<{ id: number; priority: number }>(
    "select singleton_key::int as id, priority from pgboss.job where name = 'reconcile' order by id",
  );
  assert.deepEqual(
    rows.map(({ id, priority }) => [id, priority]),
    [
      [changed, Priority.background],
      [resumed, Priority.customer],
      [fresh, Priority.customer],
      [leaving, Priority.background],
      [interrupted, Priority.customer],
    ],
  );
});

test("stopping lets running work end", async (t) => {
  const id = await tenant();
  const begun = Promise.withResolvers<void>();
  const door = Promise.withResolvers<void>();
  let ended = false;
  const worker = await workingOn(db, t, {
    reconcile: async () => {
      begun.resolve();
      await door.promise;
      ended = true;
    },
  });
  await queue.enqueueReconcile(db, id);
  await begun.promise;
  const stopped = worker.stop(10_000);
  door.resolve();
  await stopped;
  assert.ok(ended);
});

let count = 0;

async function tenant(containerId = 105): Promise<number> {
  const subdomain = `queued-${(count += 1)}`;
  const { rows } = await db.query<{ id: number }>(
    "insert into tenant_deployments (container_id, subdomain, plan_type, customer_email) values ($2, $1, 'starter', 'a@b.example') returning id",
    [subdomain, containerId],
  );
  return rows[0]?.id ?? 0;
}
