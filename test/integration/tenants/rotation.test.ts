import assert from "node:assert/strict";
import { test } from "node:test";
import type { TenantSettings } from "../../../components/settings/tenant-settings.ts";
import { EngineFailure } from "../../../automation/engine/engine.ts";
import { TenantIsDeleted } from "../../../automation/tenants/errors.ts";
import { reconcile } from "../../../automation/tenants/reconcile.ts";
import { credentialsId, pendingRotations } from "../../../automation/tenants/rotation.ts";
import { secretsOf, stackSettings } from "../../../automation/tenants/stack-settings.ts";
import { derivePassword } from "../../../components/tenant/secrets.ts";
import { BY, PLATFORM, useWorld } from "./world.ts";

const world = useWorld();

/** Of each run of the engine: the generations it was given, and whether the host was to change the password. */
function runsOf(subdomain: string): unknown[] {
  return world()
    .engine.runs.filter(({ stack }) => stack.endsWith(`/${subdomain}`))
    .map(({ program }) => {
      const { tunnel, postgresRole } = (program[1] as TenantSettings).secretGeneration;
      return [tunnel, postgresRole, program[3] ?? false];
    });
}

test("a rotated database password takes two runs, the first of which leaves the role to the host", async () => {
  const { worker, tenant, tenants, db } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  await tenants.rotate(id, ["database"], BY);
  assert.equal((await pendingRotations(db)).database, 1);
  assert.deepEqual(await reconcile(id, worker()), { kind: "done", again: false });
  assert.deepEqual(runsOf(subdomain), [
    [1, 1, false],
    [1, 2, true],
    [1, 2, false],
  ]);
  assert.deepEqual((await tenants.get(id))?.appliedSecrets, {
    tunnel: 1,
    postgresRole: 2,
    credentials: credentialsId(PLATFORM),
  });
  assert.equal((await pendingRotations(db)).database, 0);
  await tenants.retry(id, BY);
  await reconcile(id, worker());
  assert.equal(runsOf(subdomain).length, 4, "what has been rotated takes one run as usual");
});

test("a suspended tenant has no sessions, so its password takes one run", async () => {
  const { worker, tenant, tenants } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  await tenants.changeWish(id, { wanted: "suspended" }, BY);
  await reconcile(id, worker());
  await tenants.rotate(id, ["database"], BY);
  await reconcile(id, worker());
  assert.deepEqual(runsOf(subdomain).at(-1), [1, 2, false]);
  assert.equal(runsOf(subdomain).length, 3);
});

test("a rotation that failed half-way is begun anew", async () => {
  const { worker, tenant, tenants, engine, db } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  await tenants.rotate(id, ["database"], BY);
  let runs = 0;
  engine.during = async (_kind, { stack }) => {
    if (stack.endsWith(subdomain) && ++runs === 2) throw new EngineFailure("failed", "the line was cut", NOTHING);
  };
  assert.equal((await reconcile(id, worker())).kind, "failed");
  engine.during = async () => {};
  assert.equal((await tenants.get(id))?.appliedSecrets.postgresRole, 1);
  await db.query("update tenant_deployments set retry_at = null where id = $1", [id]);
  assert.equal((await reconcile(id, worker())).kind, "done");
  assert.deepEqual(runsOf(subdomain).slice(-2), [
    [1, 2, true],
    [1, 2, false],
  ]);
});

const NOTHING = { changes: {}, resources: [], diagnostics: [], outputs: {}, timings: {} };

test("connectors of a rotated tunnel's old token are cut when the new one is in use, and no others", async () => {
  const { worker, tenant, tenants, engine, clouds } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  clouds.connected.add("thief").add("own before");
  engine.during = async (_kind, { stack }) => {
    if (!stack.endsWith(subdomain)) return;
    clouds.connected.delete("own before");
    clouds.connected.add("own after");
  };
  await tenants.rotate(id, ["tunnel"], BY);
  await reconcile(id, worker());
  engine.during = async () => {};
  assert.deepEqual(runsOf(subdomain).at(-1), [2, 1, false]);
  assert.deepEqual([...clouds.connected], ["own after"]);
  clouds.connected.clear();
});

test("secrets of the last generations stay hidden in what a run tells", async () => {
  const { tenant, tenants } = world();
  const { id, subdomain } = await tenant();
  await tenants.rotate(id, ["database", "tunnel"], BY);
  const { tenant: twice } = await tenants.rotate(id, ["database"], BY);
  const hidden = secretsOf(PLATFORM, stackSettings(twice));
  for (const generation of [1, 2, 3])
    assert.ok(hidden.includes(derivePassword(PLATFORM.masterKey, subdomain, "postgres-role", generation)));
});

test("a tenant that is to be deleted is not rotated", async () => {
  const { tenant, tenants } = world();
  const { id } = await tenant();
  await tenants.changeWish(id, { wanted: "deleted" }, BY);
  await assert.rejects(tenants.rotate(id, ["tunnel"], BY), TenantIsDeleted);
});

test("a tenant whose state holds credentials of before gets the present ones before it is deleted", async () => {
  const { worker, tenant, tenants, engine, clouds } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  const settings = { ...PLATFORM, cloudflareApiToken: "n".repeat(40) };
  const resources = [{ urn: "urn:tenant", type: "odoosaas:tenant:Tenant" }];
  engine.states.set(subdomain, { version: 3, deployment: { resources } });
  await tenants.changeWish(id, { wanted: "deleted" }, BY);
  await reconcile(id, worker("here:1:a", { platform: async () => ({ settings, clouds }) }));
  assert.deepEqual(engine.calls.filter((call) => call.endsWith(` ${subdomain}`)).slice(-2), [
    `up ${subdomain}`,
    `destroy ${subdomain}`,
  ]);
  const [, last] = (engine.runs.at(-1)?.program ?? []) as [unknown, TenantSettings];
  assert.equal(last.suspended, true, "nobody is served meanwhile");
});
