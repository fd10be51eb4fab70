import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProbeTarget } from "../../../automation/metrics/edge-probe.ts";
import { probeTargets } from "../../../automation/metrics/probe-targets.ts";
import { recordActivity } from "../../../automation/metrics/tunnel-activity.ts";
import { reconcile, reconcileStack } from "../../../automation/tenants/reconcile.ts";
import { TUNNELS } from "../../../automation/tunnels/tunnel-target.ts";
import { BY, PLATFORM, useWorld } from "../tenants/world.ts";

const world = useWorld();

async function targetOf(label: string): Promise<ProbeTarget> {
  const { tenants, tunnels } = world();
  const found = (await probeTargets(tenants, tunnels, PLATFORM)).find(({ key }) => key === `${label}-tunnel`);
  assert.ok(found, `${label} is probed`);
  return found;
}

/** What a look with this answer makes of the row as it is now. */
async function look(label: string, status: number | undefined): Promise<string[]> {
  const said: string[] = [];
  await recordActivity(world().db, await targetOf(label), { status }, (line) => said.push(line));
  return said;
}

test("a tenant's row says that its tunnel has dropped, and that it has come back", async () => {
  const { tenant, tenants, worker } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  const active = async (): Promise<unknown> => (await tenants.get(id))?.tunnelActive;
  assert.deepEqual(await look(subdomain, 530), [`${subdomain}-tunnel is not connected any more`]);
  assert.equal(await active(), false);
  assert.deepEqual(await look(subdomain, 530), [], "nothing new");
  assert.deepEqual(await look(subdomain, undefined), [], "no answer says nothing");
  assert.deepEqual(await look(subdomain, 502), [`${subdomain}-tunnel is connected again`], "Odoo is another matter");
  assert.equal(await active(), true);
});

test("a container's own tunnel drops and comes back in its row", async () => {
  const { tunnels, clouds, worker } = world();
  const { tunnel } = await tunnels.request({ subscriptionId: "sub_activity", containerId: 105, localPort: 80 }, BY);
  clouds.connected.add("c1");
  await reconcileStack(TUNNELS, tunnel.id, worker());
  const active = async (): Promise<unknown> => (await tunnels.get(`${tunnel.label}-tunnel`))?.tunnelActive;
  assert.equal(await active(), true);
  await look(tunnel.label, 530);
  assert.equal(await active(), false);
  await look(tunnel.label, 404);
  assert.equal(await active(), true);
});

test("what a run has written since is not undone by an older look", async () => {
  const { tenant, tenants, worker, db } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  const old = await targetOf(subdomain);
  await tenants.changeWish(id, { wanted: "suspended" }, BY);
  await reconcile(id, worker());
  await tenants.changeWish(id, { wanted: "active" }, BY);
  await reconcile(id, worker());
  await recordActivity(db, old, { status: 530 }, () => assert.fail("told"));
  assert.equal((await tenants.get(id))?.tunnelActive, true);
});

test("a suspended tenant's tunnel is not active, whatever its page answers, and a dropped one makes no resume", async () => {
  const { tenant, tenants, worker } = world();
  const { id, subdomain } = await tenant();
  await reconcile(id, worker());
  await look(subdomain, 530);
  const { operation } = await tenants.changeWish(id, { planType: "business" }, BY);
  assert.equal(operation?.kind, "update");
  await reconcile(id, worker());
  await tenants.changeWish(id, { wanted: "suspended" }, BY);
  await reconcile(id, worker());
  assert.deepEqual(await look(subdomain, 503), []);
  assert.equal((await tenants.get(id))?.tunnelActive, false);
});
