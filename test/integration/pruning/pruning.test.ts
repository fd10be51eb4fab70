import assert from "node:assert/strict";
import { test } from "node:test";
import { prune } from "../../../automation/pruning.ts";
import { openDatabase } from "../../database.ts";

const KEPT = { historyPerStack: 2, operationDays: 30, stripeEventDays: 40 };

const db = await openDatabase();

test("of each stack's history the newest updates stay, in every form that the engine stores, and all that is no history", async () => {
  await db.query("create table pulumi_state (key text primary key, data json not null)");
  const at = (n: number): string => `170000000000000000${n}`;
  const history = (stack: string, n: number, ext = ""): string[] =>
    ["history", "checkpoint"].map((kind) => `.pulumi/history/odoosaas/${stack}/${stack}-${at(n)}.${kind}.json${ext}`);
  const kept = [
    ".pulumi/meta.yaml",
    ".pulumi/stacks/odoosaas/acme.json",
    ".pulumi/locks/organization/odoosaas/acme/x.json",
    ".pulumi/history/odoosaas/acme/notes.txt",
    ...[4, 5].flatMap((n) => history("acme", n)),
    ...history("acme-2", 1),
    ...history("acme-2", 2, ".gz"),
    ...history("young", 1, ".zst"),
  ];
  for (const key of [...kept, ...[1, 2, 3].flatMap((n) => history("acme", n)), ...history("acme-2", 0, ".gz")])
    await db.query("insert into pulumi_state values ($1, '{}')", [key]);
  // In batches of three.
  assert.equal((await prune(db, db.url, KEPT, 3)).history, 8);
  const { rows } = await db.query<{ key: string }>("select key from pulumi_state");
  assert.deepEqual(rows.map(({ key }) => key).toSorted(), kept.toSorted());
  assert.equal((await prune(db, db.url, KEPT)).history, 0);
});

test("a state backend that is not in PostgreSQL, or has no table yet, is left alone", async () => {
  assert.equal((await prune(db, "s3://states", KEPT)).history, 0);
  assert.equal((await prune(db, `${db.url}?table=of_somebody`, KEPT)).history, 0);
});

test("old operations go with their events, but not the last ten of anybody, nor what has not finished", async () => {
  const [busy, quiet] = await Promise.all(["busy", "quiet"].map(tenant));
  const { rows: tunnels } = await db.query<{ id: number }>(
    "insert into standalone_tunnels (subscription_id, container_id, local_port, label) values ('sub_1', 105, 80, 'shop') returning id",
  );
  for (let n = 1; n <= 12; n += 1)
    await db.query(OPERATION, [busy, null, n === 1 ? "running" : "succeeded", n === 1 ? null : "31 days"]);
  await db.query(OPERATION, [quiet, null, "failed", "900 days"]);
  for (let n = 1; n <= 11; n += 1) await db.query(OPERATION, [null, tunnels[0]?.id, "succeeded", "31 days"]);
  await db.query("insert into operation_events select id, 1, now(), 'phase', '{}' from operations");
  for (let n = 1; n <= 11; n += 1) await db.query(OPERATION, [await tenant("fresh"), null, "succeeded", "29 days"]);

  assert.equal((await prune(db, "", KEPT, 1)).operations, 2);
  const left = await db.query(`
    select count(*) filter (where tenant_id = ${busy})::int as busy, count(*) filter (where tenant_id = ${quiet})::int as quiet,
      count(*) filter (where standalone_tunnel_id is not null)::int as tunnel, (select count(*)::int from operation_events) as events
    from operations`);
  assert.deepEqual(left.rows, [{ busy: 11, quiet: 1, tunnel: 10, events: 22 }]);
  const running = await db.query("select 1 from operations where status = 'running'");
  assert.equal(running.rowCount, 1);
});

test("old events of Stripe's go once they were handled", async () => {
  for (const [id, age, handled] of [
    ["evt_old", "41 days", true],
    ["evt_waiting", "41 days", false],
    ["evt_young", "39 days", true],
  ])
    await db.query(
      `insert into stripe_events (id, type, livemode, created_at, received_at, body, handled_at)
       values ($1, 'x', false, now(), now() - $2::interval, '{}', case when $3 then now() end)`,
      [id, age, handled],
    );
  assert.equal((await prune(db, "", KEPT)).stripeEvents, 1);
  const { rows } = await db.query<{ id: string }>("select id from stripe_events order by id");
  assert.deepEqual(
    rows.map(({ id }) => id),
    ["evt_waiting", "evt_young"],
  );
});

const OPERATION = `
  insert into operations (tenant_id, standalone_tunnel_id, kind, generation, requested_by, status, finished_at)
  values ($1, $2, 'update', 1, 'test', $3, now() - $4::interval)`;

async function tenant(subdomain: string): Promise<number> {
  const { rows } = await db.query<{ id: number }>(
    `insert into tenant_deployments (container_id, subdomain, plan_type, customer_email) values (105, $1, 'starter', 'a@b.example')
     on conflict (subdomain) where state <> 'deleted' do update set container_id = 105 returning id`,
    [subdomain],
  );
  return rows[0]?.id ?? 0;
}
