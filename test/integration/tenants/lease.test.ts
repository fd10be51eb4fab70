import assert from "node:assert/strict";
import { test } from "node:test";
import { Fenced } from "../../../automation/engine/engine.ts";
import { acquireLease, checkLease } from "../../../automation/tenants/lease.ts";
import { TENANT_TABLE } from "../../../automation/tenants/tenant-rows.ts";
import { until } from "../../until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

test("of many workers that want a tenant at once, one gets it", async () => {
  const { db, tenant } = world();
  const { id } = await tenant();
  const leases = (
    await Promise.all(Array.from({ length: 10 }, (_, n) => acquireLease(db, TENANT_TABLE, id, `w${n}`)))
  ).filter((lease) => lease !== undefined);
  assert.equal(leases.length, 1);
  assert.equal(leases[0]?.takenOver, false);
  await leases[0]?.release();
  const next = await acquireLease(db, TENANT_TABLE, id, "next");
  assert.equal(next?.token, 2);
  assert.equal(next?.takenOver, false);
  await next?.release();
});

test("a lease stays while its holder lives, however long the work takes", async () => {
  const { db, tenant } = world();
  const { id } = await tenant();
  const lease = await acquireLease(db, TENANT_TABLE, id, "long", { seconds: 1 });
  const began = performance.now();
  await until(
    "three times its length",
    () => performance.now() - began,
    (ms) => ms > 3_000,
    5_000,
  );
  assert.equal(await acquireLease(db, TENANT_TABLE, id, "other", { seconds: 1 }), undefined);
  assert.equal(lease?.signal.aborted, false);
  await lease?.release();
});

test("a holder that was frozen until its time was up knows so at once, before its heartbeat has told", async () => {
  const { db, tenant } = world();
  const { id } = await tenant();
  const lease = await acquireLease(db, TENANT_TABLE, id, "frozen", { seconds: 1 });
  lease?.assertHeld();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100); // nothing else of this process runs meanwhile
  assert.throws(() => lease?.assertHeld(), Fenced);
  assert.equal(lease?.signal.aborted, true);
  await lease?.release();
});

test("a lease that ran out is taken over, and whoever held it may not write any more", async () => {
  const { db, tenant } = world();
  const { id } = await tenant();
  const frozen = await acquireLease(db, TENANT_TABLE, id, "frozen");
  assert.ok(frozen);
  await db.query("update tenant_deployments set lease_until = now() - interval '1 second' where id = $1", [id]); // no heartbeat for a while
  const heir = await acquireLease(db, TENANT_TABLE, id, "heir");
  assert.ok(heir);
  assert.equal(heir.takenOver, true);
  await assert.rejects(
    db.transaction((tx) => checkLease(tx, frozen)),
    Fenced,
  );
  await db.transaction((tx) => checkLease(tx, heir));
  await until(
    "the frozen one's notice",
    () => frozen.signal.aborted,
    (aborted) => aborted,
    8_000,
  );
  assert.ok(frozen.signal.reason instanceof Fenced);
  await frozen.release();
  assert.equal(
    await acquireLease(db, TENANT_TABLE, id, "third"),
    undefined,
    "the release of an old lease frees nothing",
  );
  await heir.release();
});
