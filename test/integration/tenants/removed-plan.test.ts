import assert from "node:assert/strict";
import { test } from "node:test";
import { Listener } from "../../../automation/db/listener.ts";
import { DatabaseTenants } from "../../../automation/tenants/database-tenants.ts";
import { UnknownPlan } from "../../../automation/tenants/errors.ts";
import { reconcile } from "../../../automation/tenants/reconcile.ts";
import type { ReconcileIO } from "../../../automation/tenants/run.ts";
import type { Queue } from "../../../automation/queue/queue.ts";
import type { TenantSettings } from "../../../components/settings/tenant-settings.ts";
import { examplePlatform } from "../../components/example-platform.ts";
import { BY, useWorld, type World } from "./world.ts";

const world = useWorld();
const REDUCED = examplePlatform({ plans: { starter: {} } });

/** The same world after the plan `business` has been taken out of the configuration. */
function withoutPlan(t: { after: (undo: () => Promise<void>) => void }): { tenants: DatabaseTenants; io: ReconcileIO } {
  const { db, worker, clouds }: World = world();
  const listener = new Listener(db.url);
  t.after(() => listener.close());
  const queue = { enqueueReconcile: async () => {} } as unknown as Queue;
  return {
    tenants: new DatabaseTenants({ db, queue, listener, platform: async () => REDUCED }),
    io: worker("here:1:a", { platform: async () => ({ settings: REDUCED, clouds }) }),
  };
}

test("a tenant of a removed plan is suspended, resumed with the plan's last values, and deleted", async (t) => {
  const { tenant, worker, engine } = world();
  const { id } = await tenant({ planType: "business" });
  await reconcile(id, worker());
  const { tenants, io } = withoutPlan(t);
  const last = { connectionLimit: 40, modules: ["sale"] };
  for (const wanted of ["suspended", "active"] as const) {
    await tenants.changeWish(id, { wanted }, BY);
    assert.deepEqual(await reconcile(id, io), { kind: "done", again: false });
    assert.equal((await tenants.get(id))?.state, wanted);
    const settings = engine.runs.at(-1)?.program[1] as TenantSettings;
    assert.deepEqual([settings.plan, settings.planSettings], ["business", last]);
  }
  await tenants.changeWish(id, { wanted: "deleted" }, BY);
  await reconcile(id, io);
  assert.equal((await tenants.get(id))?.state, "deleted");
});

test("nobody gets a removed plan any more, neither as a new tenant nor by a change", async (t) => {
  const { tenant } = world();
  const { id } = await tenant();
  const { tenants } = withoutPlan(t);
  await assert.rejects(tenants.changeWish(id, { planType: "business" }, BY), UnknownPlan);
  const input = { subdomain: "late-comer", planType: "business", customerEmail: "a@example.com" };
  await assert.rejects(tenants.request(input, BY), UnknownPlan);
});

test("who leaves a removed plan gets the new one's values", async (t) => {
  const { tenant, worker } = world();
  const { id } = await tenant({ planType: "business" });
  await reconcile(id, worker());
  const { tenants, io } = withoutPlan(t);
  await tenants.changeWish(id, { planType: "starter" }, BY);
  await reconcile(id, io);
  assert.deepEqual((await tenants.get(id))?.planSettings, { connectionLimit: 20, modules: [] });
});

test("a plan removed before the first run is told, and its tenant deleted all the same", async (t) => {
  const { tenant } = world();
  const { id } = await tenant({ planType: "business" });
  const { tenants, io } = withoutPlan(t);
  await reconcile(id, io);
  const stalled = await tenants.get(id);
  assert.deepEqual([stalled?.state, stalled?.stateReason], ["stalled", "settings-invalid"]);
  await tenants.changeWish(id, { wanted: "deleted" }, BY);
  await reconcile(id, io);
  assert.equal((await tenants.get(id))?.state, "deleted");
});
