import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Database } from "../../../automation/db/database.ts";
import { BossQueue } from "../../../automation/queue/boss-queue.ts";
import { withPermit } from "../../../automation/queue/permits.ts";
import { Priority } from "../../../automation/queue/queue.ts";
import { reconcileJobs } from "../../../automation/reconcile-jobs.ts";
import { HostFull } from "../../../automation/tenants/host-places.ts";
import { acquireLease, type Lease } from "../../../automation/tenants/lease.ts";
import { TENANT_TABLE } from "../../../automation/tenants/tenant-rows.ts";
import { TUNNEL_TABLE } from "../../../automation/tunnels/tunnel-rows.ts";
import { until } from "../../until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

test("of many that want a host's places at once, no more get one than there are, tunnels counted", async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => tenantOn(701)));
  const refused: unknown[] = [];
  const held = (
    await Promise.all(
      ids.map((id) =>
        acquireLease(world().db, TENANT_TABLE, id, "w", { perHost: 3 }).catch((e: unknown) => void refused.push(e)),
      ),
    )
  ).filter((lease) => lease !== undefined);
  assert.equal(held.length, 3);
  assert.ok(refused.every((error) => error instanceof HostFull));
  const tunnel = await tunnelOn(701);
  await assert.rejects(acquireLease(world().db, TUNNEL_TABLE, tunnel, "w", { perHost: 3 }), HostFull);
  assert.deepEqual(await holders(TUNNEL_TABLE.name, tunnel), { leaseToken: 0, taken: false });

  const elsewhere = await acquireLease(world().db, TENANT_TABLE, await tenantOn(702), "w", { perHost: 3 });
  assert.ok(elsewhere, "another host has places of its own");
  await elsewhere.release();

  await held[0]?.release();
  const next = await acquireLease(world().db, TUNNEL_TABLE, tunnel, "w", { perHost: 3 });
  assert.equal(next?.token, 1);
  const last = ids.find((id) => held.every((lease) => lease.id !== id)) ?? 0;
  await assert.rejects(acquireLease(world().db, TENANT_TABLE, last, "w", { perHost: 3 }), HostFull);
  for (const lease of [next, ...held.slice(1)] as (Lease | undefined)[]) await lease?.release();
});

test("a dead worker's place frees itself with its lease", async () => {
  const { db } = world();
  const [dead, other] = [await tenantOn(703), await tenantOn(703)];
  await db.query("update tenant_deployments set lease_until = now() + interval '1 minute' where id = $1", [dead]);
  await assert.rejects(acquireLease(db, TENANT_TABLE, other, "w", { perHost: 1 }), HostFull);
  await db.query("update tenant_deployments set lease_until = now() - interval '1 second' where id = $1", [dead]);
  const lease = await acquireLease(db, TENANT_TABLE, other, "w", { perHost: 1 });
  assert.ok(lease);
  await lease.release();
});

test("two busy processes never work on more of a host's tenants than may be, and on all in the end", async (t) => {
  const { db, engine, tenant } = world();
  let running = 0;
  let most = 0;
  engine.during = async () => {
    most = Math.max(most, (running += 1));
    await new Promise((resolve) => setTimeout(resolve, 10)); // a run takes its time
    running -= 1;
  };
  t.after(() => (engine.during = async () => {}));
  const { queue } = await processAtWork(t, 2);
  await processAtWork(t, 2);
  const ids: number[] = [];
  for (let n = 0; n < 40; n += 1) {
    const { id } = await tenant();
    ids.push(id);
    await queue.enqueueReconcile(db, id);
  }
  await until(
    "all",
    () => unfinished(ids),
    (left) => left === 0,
    60_000,
  );
  assert.ok(most <= 2, `${most} at once`);
  const { rows } = await db.query("select 1 from pgboss.job where retry_count > 0 or name = 'dead-letter'");
  assert.deepEqual(rows, [], "nobody's waiting has used up a try");
});

test("a job of a host that stays full goes back to the queue as it was, and is done when a dead worker's lease is over", async (t) => {
  const { db, tenant } = world();
  const [dead, waiting] = [await tenant(), await tenant()];
  await db.query("update tenant_deployments set lease_until = now() + interval '1 minute' where id = $1", [dead.id]);
  const { queue } = await processAtWork(t, 1);
  await queue.enqueueReconcile(db, waiting.id, Priority.customer);
  const jobs = async (): Promise<{ priority: number; retry_count: number }[]> =>
    (
      await db.query<{ priority: number; retry_count: number }>(
        "select priority, retry_count from pgboss.job where singleton_key = $1",
        [String(waiting.id)],
      )
    ).rows;
  const seen = await until("its next job", jobs, (rows) => rows.length >= 2, 10_000);
  for (const job of seen) assert.deepEqual(job, { priority: Priority.customer, retry_count: 0 });
  assert.equal(await unfinished([waiting.id]), 1);
  await db.query("update tenant_deployments set lease_until = now() - interval '1 second' where id = $1", [dead.id]);
  await until(
    "its end",
    () => unfinished([waiting.id]),
    (left) => left === 0,
    10_000,
  );
});

test("a worker that leaves begins nothing more: what waited for a permit is queued again as it was", async () => {
  const { db, worker, tenant, tenants } = world();
  const { id } = await tenant();
  const again: unknown[] = [];
  const leave = new AbortController();
  const jobs = reconcileJobs({
    io: worker(),
    db,
    queue: {
      enqueueReconcile: async (_tx, tenantId, priority) => void again.push([tenantId, priority]),
      enqueueTunnel: async () => {},
    },
    log: { info: () => {} },
    perPostgres: 1,
    leave: leave.signal,
    abandon: new AbortController().signal,
  });
  await withPermit(db.url, "postgres", 1, async () => {
    const waiting = jobs.reconcile(id, Priority.customer);
    leave.abort();
    await waiting;
  });
  assert.deepEqual(again, [[id, Priority.customer]]);
  assert.equal((await tenants.get(id))?.state, "pending");
});

/** As automation/worker.ts has it, with pools of its own. */
async function processAtWork(t: TestContext, perHost: number): Promise<{ queue: BossQueue }> {
  const db = new Database(world().db.url);
  const queue = await BossQueue.start({ db, name: "worker" });
  const leave = new AbortController();
  t.after(async () => {
    leave.abort();
    await queue.stop(5_000);
    await db.end();
  });
  const io = world().worker(`here:${Math.random()}:a`, { db, perHost });
  const jobs = reconcileJobs({
    io,
    db,
    queue,
    log: { info: () => {} },
    perPostgres: 16,
    leave: leave.signal,
    abandon: new AbortController().signal,
  });
  const nothing = async (): Promise<void> => {};
  await queue.work({ ...jobs, stripeEvent: nothing, preview: nothing }, { reconciles: 8, perHost, stripeEvents: 1 });
  return { queue };
}

async function unfinished(ids: readonly number[]): Promise<number> {
  const { rows } = await world().db.query(
    "select 1 from tenant_deployments where id = any($1) and (observed_generation < generation or lease_until is not null)",
    [ids],
  );
  return rows.length;
}

async function holders(table: string, id: number): Promise<unknown> {
  const { rows } = await world().db.query(
    `select lease_token as "leaseToken", lease_until is not null as taken from ${table} where id = $1`,
    [id],
  );
  return rows[0];
}

let count = 0;

async function tenantOn(containerId: number): Promise<number> {
  const { rows } = await world().db.query<{ id: number }>(
    `insert into tenant_deployments (container_id, subdomain, plan_type, customer_email)
     values ($1, $2, 'starter', 'a@b.example') returning id`,
    [containerId, `placed-${(count += 1)}`],
  );
  return rows[0]?.id ?? 0;
}

async function tunnelOn(containerId: number): Promise<number> {
  const { rows } = await world().db.query<{ id: number }>(
    `insert into standalone_tunnels (subscription_id, container_id, local_port, label)
     values ('sub_placed', $1, 80, 'placed-shop') returning id`,
    [containerId],
  );
  return rows[0]?.id ?? 0;
}
