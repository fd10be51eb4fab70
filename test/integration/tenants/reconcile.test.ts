import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineFailure } from "../../../automation/engine/engine.ts";
import { acquireLease } from "../../../automation/tenants/lease.ts";
import { TENANT_TABLE } from "../../../automation/tenants/tenant-rows.ts";
import { reconcile } from "../../../automation/tenants/reconcile.ts";
import type { TenantSettings } from "../../../components/settings/tenant-settings.ts";
import { BY, everythingOf, failOnce, noResult, useWorld } from "./world.ts";

const world = useWorld();

test("a new tenant becomes active with all that is known of it, and a second run changes nothing", async () => {
  const { worker, tenant, tenants, engine } = world();
  const { id, subdomain } = await tenant();
  assert.deepEqual(await reconcile(id, worker()), { kind: "done", again: false });
  const made = await tenants.get(id);
  assert.equal(made?.state, "active");
  assert.deepEqual(
    [made.tunnelId, made.tunnelUrl, made.directUrl, made.tunnelActive],
    [`t-${subdomain}`, `https://${subdomain}.example`, "h:8069", true],
  );
  assert.ok(made.readyAt);
  const { items } = await tenants.operations(id);
  assert.deepEqual(
    items.map(({ kind, status }) => [kind, status]),
    [["provision", "succeeded"]],
  );
  assert.deepEqual(Object.keys(items[0]?.timings ?? {}).toSorted(), [
    "claimMs",
    "engineMs",
    "probeMs",
    "queueMs",
    "totalMs",
  ]);
  const calls = engine.calls.length;
  assert.deepEqual(await reconcile(id, worker()), { kind: "nothing", because: "converged" });
  assert.equal(engine.calls.length, calls);
});

test("after a success nothing is asked before the next update: one call of the engine", async () => {
  const { worker, tenant, tenants, engine, clouds } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  const looks = clouds.looks;
  await tenants.changeWish(id, { wanted: "suspended" }, BY);
  await reconcile(id, worker());
  assert.equal((await tenants.get(id))?.state, "suspended");
  assert.equal(clouds.looks, looks);
  assert.deepEqual(
    engine.calls.filter((call) => call.endsWith(subdomain)),
    [`create ${subdomain}`, `up ${subdomain}`, `up ${subdomain}`],
  );
});

test("a retry looks at what is there, also of a tenant that seems to be well, and makes what is gone anew", async () => {
  const { worker, tenant, tenants, engine, clouds } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  const record = { urn: "urn:r", type: "cloudflare:index/dnsRecord:DnsRecord", id: "r-1" };
  engine.states.set(subdomain, { version: 3, deployment: { resources: [record] } });
  const { record: _record, ...rest } = everythingOf(subdomain);
  clouds.found.set(subdomain, rest);
  await tenants.retry(id, BY);
  assert.equal((await reconcile(id, worker())).kind, "done");
  assert.deepEqual(engine.states.get(subdomain)?.deployment?.resources, [], "the engine makes it anew");
  const seen = await tenants.get(id);
  assert.deepEqual([seen?.state, seen?.attempts], ["active", 0]);
});

test("a name that another bears stalls the tenant at once, with what bears it; when it is free, Retry succeeds", async () => {
  const { worker, tenant, tenants, engine, clouds } = world();
  const { id, subdomain } = await tenant();
  clouds.found.set(subdomain, { tunnel: { id: "t-other", ours: false } });
  assert.deepEqual(await reconcile(id, worker()), { kind: "failed", retryInMs: null });
  const refused = await tenants.get(id);
  assert.deepEqual([refused?.state, refused?.stateReason], ["stalled", "name-taken"]);
  assert.match(refused?.stateDetail ?? "", /t-other/);
  assert.deepEqual(
    engine.calls.filter((call) => call.endsWith(` ${subdomain}`)),
    [`create ${subdomain}`, `remove ${subdomain}`],
    "no empty stack is left",
  );
  assert.deepEqual(await reconcile(id, worker()), { kind: "nothing", because: "parked" });
  clouds.found.delete(subdomain);
  await tenants.retry(id, BY);
  await reconcile(id, worker());
  assert.equal((await tenants.get(id))?.state, "active");
});

test("deleting a tenant whose name was another's touches nothing of that other's", async () => {
  const { worker, tenant, tenants, clouds } = world();
  const { id, subdomain } = await tenant();
  clouds.found.set(subdomain, { database: { owner: "odoo_h105", mark: "unmarked" } });
  await reconcile(id, worker());
  await tenants.changeWish(id, { wanted: "deleted" }, BY);
  const io = worker();
  await reconcile(id, {
    ...io,
    engine: Object.assign(Object.create(io.engine) as typeof io.engine, {
      destroy: async () => ({ changes: {}, resources: [], diagnostics: [], outputs: {}, timings: {} }),
    }),
  });
  assert.equal((await tenants.get(id))?.state, "deleted");
  assert.ok(clouds.found.has(subdomain));
});

test("after a failure the next try adopts what was made without the state's knowledge", async () => {
  const { worker, tenant, tenants, engine, clouds } = world();
  const { id, subdomain } = await tenant();
  await failOnce(engine, new EngineFailure("failed", "lost", noResult));
  const failed = await reconcile(id, worker());
  assert.equal(failed.kind, "failed");
  const between = await tenants.get(id);
  assert.deepEqual([between?.state, between?.stateReason, between?.attempts], ["failed", "engine-failed", 1]);
  assert.deepEqual(await reconcile(id, worker()), { kind: "nothing", because: "waiting" });
  clouds.found.set(subdomain, { ...everythingOf(subdomain), database: { owner: "odoo_h105", mark: "unmarked" } });
  await reconcile(id, worker("here:1:a", { now: () => new Date(Date.now() + 60_000) }));
  assert.equal((await tenants.get(id))?.state, "active");
  assert.deepEqual(engine.runs.at(-1)?.program[2], {
    tunnelId: `t-${subdomain}`,
    recordId: `r-${subdomain}`,
    role: true,
    database: true,
  });
});

test("a tenant at work is not run by another worker", async () => {
  const { worker, tenant, db } = world();
  const { id } = await tenant();
  const lease = await acquireLease(db, TENANT_TABLE, id, "elsewhere");
  assert.deepEqual(await reconcile(id, worker()), { kind: "busy" });
  await lease?.release();
});

test("a wish that comes during a run is not lost: the run says that there is more to do", async () => {
  const { worker, tenant, tenants, engine } = world();
  const { id } = await tenant();
  let first = true;
  engine.during = async () => {
    if (first) await tenants.changeWish(id, { wanted: "suspended" }, BY);
    first = false;
  };
  assert.deepEqual(await reconcile(id, worker()), { kind: "done", again: true });
  assert.equal((await tenants.get(id))?.state, "active");
  assert.deepEqual(await reconcile(id, worker()), { kind: "done", again: false });
  assert.equal((await tenants.get(id))?.state, "suspended");
});

test("a worker that lost its lease in the middle stops, and writes nothing more", async () => {
  const { worker, tenant, tenants, engine, db } = world();
  const { id, subdomain } = await tenant();
  engine.during = async () => {
    await db.query(
      "update tenant_deployments set lease_token = lease_token + 1, lease_owner = 'other', lease_until = now() + interval '1 minute' where id = $1",
      [id],
    );
  };
  assert.deepEqual(await reconcile(id, worker()), { kind: "fenced" });
  engine.during = async () => {};
  const seen = await tenants.get(id);
  assert.deepEqual([seen?.state, seen?.observedGeneration], ["provisioning", 0]);

  await db.query("update tenant_deployments set lease_until = now() where id = $1", [id]); // the other one died
  engine.states.set(subdomain, {
    version: 3,
    deployment: { resources: [], pending_operations: [{ type: "creating", resource: { urn: "urn:x", type: "y" } }] },
  });
  assert.equal((await reconcile(id, worker("there:2:b"))).kind, "done");
  const { items } = await tenants.operations(id);
  assert.deepEqual(
    items.map(({ status, worker: by }) => [status, by]),
    [
      ["succeeded", "there:2:b"],
      ["failed", "here:1:a"],
    ],
  );
  assert.equal(engine.states.get(subdomain)?.deployment.pending_operations, undefined);
  const { rows } = await db.query<{ action: string }>(
    "select action from audit_log where subject_id = $1 order by id",
    [String(id)],
  );
  assert.deepEqual(
    rows.map(({ action }) => action),
    ["tenant.request", "tenant.repair", "tenant.active"],
  );
});

test("a deletion succeeds only when nothing is left", async () => {
  const { worker, tenant, tenants, clouds } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  await tenants.changeWish(id, { wanted: "deleted" }, BY);
  assert.deepEqual(await reconcile(id, worker()), { kind: "done", again: false });
  assert.equal((await tenants.get(id))?.state, "deleted");
  assert.equal(await tenants.bySubdomain(subdomain), undefined);
  assert.ok(!clouds.found.has(subdomain));
});

test("what an interrupted run made is completed before it is deleted, so that it goes the ordered way", async () => {
  const { worker, tenant, tenants, engine, clouds } = world();
  const { id, subdomain } = await tenant();
  await failOnce(engine, new EngineFailure("failed", "lost", noResult));
  await reconcile(id, worker());
  clouds.found.set(subdomain, { database: { owner: "odoo_h105", mark: "unmarked" } });
  await tenants.changeWish(id, { wanted: "deleted" }, BY);
  await reconcile(id, worker());
  assert.deepEqual(engine.calls.filter((call) => call.endsWith(subdomain)).slice(-3), [
    `export ${subdomain}`,
    `up ${subdomain}`,
    `destroy ${subdomain}`,
  ]);
  const completed = engine.runs.at(-1)?.program[1] as TenantSettings;
  assert.deepEqual([completed.subdomain, completed.suspended], [subdomain, true], "visitors stay shut out");
  assert.equal((await tenants.get(id))?.state, "deleted");
});

test("a tenant that does not answer as it should is not active", async () => {
  const { worker, tenant, tenants } = world();
  const { id } = await tenant();
  await reconcile(id, worker("here:1:a", { probe: async () => "the database manager is open: it answers 200" }));
  const seen = await tenants.get(id);
  assert.deepEqual([seen?.state, seen?.stateReason, seen?.readyAt], ["failed", "not-reachable", null]);
});

test("a database that has vanished is not replaced by an empty one", async () => {
  const { worker, tenant, tenants, engine, clouds } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  engine.states.set(subdomain, {
    version: 3,
    deployment: { resources: [{ urn: "urn:d", type: "postgresql:index/database:Database", id: subdomain }] },
  });
  const { database: _database, ...rest } = everythingOf(subdomain);
  clouds.found.set(subdomain, rest);
  await tenants.changeWish(id, { planType: "business" }, BY);
  await failOnce(engine, new EngineFailure("failed", "database does not exist", noResult));
  await reconcile(id, worker());
  await tenants.retry(id, BY);
  assert.deepEqual(await reconcile(id, worker()), { kind: "failed", retryInMs: null });
  assert.equal((await tenants.get(id))?.stateReason, "database-missing");
});

test("a removal of its database that was cut off is ended by the deletion, and by nothing else", async () => {
  const { db, worker, tenant, tenants, engine, clouds } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  const database = { urn: "urn:d", type: "postgresql:index/database:Database", id: subdomain };
  engine.states.set(subdomain, { version: 3, deployment: { resources: [database] } });
  const halfDropped = { database: { owner: "odoo_h105", mark: "ours", halfDropped: true } } as const;
  clouds.found.set(subdomain, { ...everythingOf(subdomain), ...halfDropped });
  await tenants.retry(id, BY);
  assert.deepEqual(await reconcile(id, worker()), { kind: "failed", retryInMs: null });
  assert.equal((await tenants.get(id))?.stateReason, "database-missing");
  assert.match((await tenants.get(id))?.stateDetail ?? "", /invalid/);

  clouds.found.set(subdomain, halfDropped);
  await tenants.changeWish(id, { wanted: "deleted" }, BY);
  assert.equal((await reconcile(id, worker())).kind, "done");
  assert.deepEqual(engine.states.get(subdomain)?.deployment.resources, [], "forgotten before the engine would drop it");
  const { rows } = await db.query(
    "select after from audit_log where subject_id = $1 and action = 'tenant.repair' order by id limit 1",
    [String(id)],
  );
  assert.deepEqual(rows, [{ after: { dropped: subdomain } }]);
});
