import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { EngineFailure } from "../../../automation/engine/engine.ts";
import { acquireLease } from "../../../automation/tenants/lease.ts";
import { reconcile } from "../../../automation/tenants/reconcile.ts";
import { recordAttempt } from "../../../automation/tenants/run-records.ts";
import { TENANT_TABLE } from "../../../automation/tenants/tenant-rows.ts";
import { BY, failOnce, leftLock, noResult, useWorld } from "./world.ts";

// What a worker finds of one that was lost, and how it keeps it out.
const world = useWorld();

test("a lock left behind by a dead worker of ours is broken, an operator's is not", async () => {
  const { worker, tenant, tenants, engine } = world();
  const lockedBy = (who: string): EngineFailure => new EngineFailure("locked", leftLock(who), noResult);
  const here = `${hostname()}:1:a`;
  const { id, subdomain } = await tenant();
  await failOnce(engine, new EngineFailure("aborted", "killed", noResult));
  await reconcile(id, worker(here));
  await tenants.retry(id, BY);
  await failOnce(engine, lockedBy(hostname()));
  assert.equal((await reconcile(id, worker(here))).kind, "done");
  assert.ok(engine.calls.includes(`unlock ${subdomain}`));

  await tenants.changeWish(id, { planType: "business" }, BY);
  await failOnce(engine, lockedBy("operators-laptop"));
  assert.equal((await reconcile(id, worker(here))).kind, "failed");
  assert.equal((await tenants.get(id))?.stateReason, "lock-held");
});

test("a lock of somebody who is known to be dead is broken on an operator's word, one that came later is not", async () => {
  const { db, worker, tenant, tenants, engine } = world();
  const { id, subdomain } = await tenant();
  const laptop = (at: Date): EngineFailure => new EngineFailure("locked", leftLock("operators-laptop", at), noResult);
  await failOnce(engine, laptop(new Date(Date.now() - 60_000)));
  assert.equal((await reconcile(id, worker())).kind, "failed");
  await tenants.retry(id, BY);
  await failOnce(engine, laptop(new Date(Date.now() - 60_000)));
  assert.equal((await reconcile(id, worker())).kind, "failed", "a Retry is no such word");
  await tenants.retry(id, BY, { unlock: true });
  await failOnce(engine, laptop(new Date(Date.now() + 60_000)));
  assert.equal((await reconcile(id, worker())).kind, "failed");
  await tenants.retry(id, BY);
  await failOnce(engine, laptop(new Date(Date.now() - 60_000)));
  assert.equal((await reconcile(id, worker())).kind, "done");
  assert.ok(engine.calls.includes(`unlock ${subdomain}`));
  const { rows } = await db.query(
    "select actor from audit_log where subject_id = $1 and action = 'tenant.unlock' order by id",
    [String(id)],
  );
  assert.deepEqual(rows, [{ actor: BY.name }, { actor: "worker:here:1:a" }]);
});

test("a run that found a lock is none that may have left it behind", async () => {
  const { worker, tenant, tenants, engine } = world();
  const here = `${hostname()}:1:a`;
  const { id, subdomain } = await tenant();
  await failOnce(engine, new EngineFailure("locked", leftLock(hostname()), noResult));
  assert.equal((await reconcile(id, worker(here))).kind, "failed");
  await tenants.retry(id, BY);
  await failOnce(engine, new EngineFailure("locked", leftLock(hostname(), new Date(Date.now() - 500)), noResult));
  assert.equal((await reconcile(id, worker(here))).kind, "failed");
  assert.ok(!engine.calls.includes(`unlock ${subdomain}`));
});

test("a dead worker's lock is broken, too, when the state must be repaired first", async () => {
  const { db, worker, tenant, tenants, engine } = world();
  const here = `${hostname()}:1:a`;
  const { id, subdomain } = await tenant();
  await failOnce(engine, new EngineFailure("aborted", "killed", noResult));
  await reconcile(id, worker(here));
  const anHourAgo = new Date(Date.now() - 3_600_000);
  await db.query("update operations set started_at = $2, finished_at = $2 where tenant_id = $1", [id, anHourAgo]);
  engine.states.set(subdomain, {
    version: 3,
    deployment: { pending_operations: [{ type: "creating", resource: { urn: "urn:t", type: "x:y:Z" } }] },
  });
  // However often it is tried meanwhile: the run that left the lock stays known.
  const lock = new EngineFailure("locked", leftLock(hostname(), anHourAgo), noResult);
  for (let tries = 0; tries < 25; tries += 1) {
    await tenants.retry(id, BY);
    await failOnce(engine, new EngineFailure("engine", "the backend is away", noResult));
    const { importState } = engine;
    engine.importState = async () => {};
    await reconcile(id, worker(here));
    engine.importState = importState;
  }
  await tenants.retry(id, BY);
  let locked = true;
  const { importState, unlock } = engine;
  engine.importState = async (...args) => {
    if (locked) throw lock;
    await importState.apply(engine, args);
  };
  engine.unlock = async (stack) => {
    locked = false;
    await unlock.call(engine, stack);
  };
  assert.equal((await reconcile(id, worker(here))).kind, "done");
  assert.ok(engine.calls.includes(`unlock ${subdomain}`));
  Object.assign(engine, { importState, unlock });
});

test("the state is fenced before anything else, so that whoever had the lease before writes no more", async () => {
  const { db, worker, tenant, tenants, engine } = world();
  const { id } = await tenant();
  await reconcile(id, worker());
  const before = engine.fences.get(`tenant-${id}`);
  await tenants.changeWish(id, { planType: "business" }, BY);
  let seen: number | undefined;
  engine.during = async () => void (seen = engine.fences.get(`tenant-${id}`));
  await reconcile(id, worker());
  engine.during = async () => {};
  const { rows } = await db.query<{ token: number }>(
    `select lease_token as token from tenant_deployments where id = $1`,
    [id],
  );
  assert.equal(seen, rows[0]?.token);
  assert.ok((seen ?? 0) > (before ?? 0));
  assert.deepEqual(engine.runs.at(-1)?.fence, { subject: `tenant-${id}`, token: seen });
});

test("what a lost worker may have left half done is looked for by whoever runs next, not only by who comes next", async () => {
  const { db, worker, tenant, tenants, clouds } = world();
  const { id } = await tenant();
  await reconcile(id, worker());
  await tenants.changeWish(id, { planType: "business" }, BY);
  // It is killed in the middle of an update, in which visitors are served: the row shows nothing but its lease.
  const lost = await acquireLease(db, TENANT_TABLE, id, "here:1:lost");
  assert.ok(lost);
  await recordAttempt(db, lost, { kind: "update", during: "active", after: "active" }, "here:1:lost");
  await db.query("update tenant_deployments set lease_until = now() - interval '1 second' where id = $1", [id]);
  // The next one finds it paused, and gives its lease back.
  await tenants.pause(id, true, BY);
  assert.deepEqual(await reconcile(id, worker("here:2:b")), { kind: "nothing", because: "paused" });
  await tenants.pause(id, false, BY);
  const looks = clouds.looks;
  assert.equal((await reconcile(id, worker("here:3:c"))).kind, "done");
  assert.ok(clouds.looks > looks);
  await lost.release(); // ends its heartbeat
});

test("a run whose end could not be recorded is looked after by the next one, though its lease was given back", async () => {
  const { db, worker, tenant, tenants, engine, clouds } = world();
  const { id } = await tenant();
  await reconcile(id, worker());
  await tenants.changeWish(id, { planType: "business" }, BY);
  const away = Object.create(db) as typeof db;
  engine.during = async () => {
    engine.during = async () => {};
    away.transaction = async () => Promise.reject(new Error("Connection terminated unexpectedly"));
    throw new EngineFailure("failed", "lost", noResult);
  };
  await assert.rejects(reconcile(id, worker("here:1:a", { db: away })), /Connection terminated/);
  const { rows } = await db.query("select state, attempts, lease_until from tenant_deployments where id = $1", [id]);
  assert.deepEqual(rows, [{ state: "active", attempts: 0, lease_until: null }]);
  const looks = clouds.looks;
  assert.equal((await reconcile(id, worker("here:2:b"))).kind, "done");
  assert.ok(clouds.looks > looks);
});
