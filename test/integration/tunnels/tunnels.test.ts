import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineFailure } from "../../../automation/engine/engine.ts";
import { reconcileStack } from "../../../automation/tenants/reconcile.ts";
import { acquireLease } from "../../../automation/tenants/lease.ts";
import { Priority } from "../../../automation/queue/queue.ts";
import { pendingRotations } from "../../../automation/tenants/rotation.ts";
import type { TunnelSettings } from "../../../components/settings/tunnel-settings.ts";
import { TUNNEL_TABLE } from "../../../automation/tunnels/tunnel-rows.ts";
import { TUNNELS } from "../../../automation/tunnels/tunnel-target.ts";
import { FieldError } from "../../../components/field-error.ts";
import { BY, PLATFORM } from "../tenants/world.ts";
import { actions, refused, run, tunnel, world } from "./tunnel-world.ts";

test("a requested tunnel is made as a stack of its own, proven, and deleted to nothing", async () => {
  const { tunnels, engine, clouds, queuedTunnels, db } = world();
  const { id, label } = await tunnel();
  assert.ok(queuedTunnels.some(([queued]) => queued === id));
  assert.deepEqual(await run(id), { kind: "done", again: false });
  const made = await tunnels.get(`${label}-tunnel`);
  assert.deepEqual(
    [made?.state, made?.tunnelActive, made?.tunnelId, made?.tunnelUrl],
    ["active", true, `t-${label}`, `https://${label}.example`],
  );
  assert.ok(made?.readyAt);
  assert.equal((await tunnels.get(`t-${label}`))?.id, id);
  assert.ok(engine.calls.includes(`up tunnel.${label}`));
  assert.deepEqual(await run(id), { kind: "nothing", because: "converged" });

  const { operation } = await tunnels.remove(`${label}-tunnel`, BY);
  assert.deepEqual([operation.kind, operation.standaloneTunnelId, operation.tenantId], ["delete", id, null]);
  assert.equal(operation.tunnelLabel, label);
  assert.deepEqual(await run(id), { kind: "done", again: false });
  assert.equal(await tunnels.get(`${label}-tunnel`), undefined);
  assert.ok(engine.calls.includes(`destroy tunnel.${label}`));
  assert.ok(!clouds.found.has(`tunnel.${label}`));
  assert.deepEqual(await actions(label), ["tunnel.request", "tunnel.active", "tunnel.delete", "tunnel.deleted"]);
  const { rows } = await db.query<{ kind: string; status: string }>(
    "select kind, status from operations where standalone_tunnel_id = $1 order by id",
    [id],
  );
  assert.deepEqual(rows, [
    { kind: "provision", status: "succeeded" },
    { kind: "delete", status: "succeeded" },
  ]);
});

test("a subscription has one way in, and a name one owner, whichever kind comes first", async () => {
  const { tunnels, tenants, tenant } = world();
  const { label, subscriptionId } = await tunnel();
  const place = { containerId: 105, localPort: 8080 };
  const customer = { planType: "starter", customerEmail: "a@example.com" };
  await assert.rejects(
    tunnels.request({ ...place, subscriptionId }, BY),
    refused("SubscriptionHasTunnel", "subscription_id"),
  );
  await assert.rejects(
    tunnels.request({ ...place, subscriptionId: "sub_other", hostname: `${label}.${PLATFORM.domain}` }, BY),
    refused("HostnameTaken", "hostname"),
  );
  await assert.rejects(tenants.request({ ...customer, subdomain: label }, BY), refused("SubdomainTaken", "subdomain"));
  await assert.rejects(
    tenants.request({ ...customer, subdomain: "another-name", subscriptionId }, BY),
    refused("SubscriptionHasTunnel", "subscription_id"),
  );
  const { subdomain } = await tenant({ subscriptionId: "sub_of_a_tenant" });
  await assert.rejects(
    tunnels.request({ ...place, subscriptionId: "sub_new", hostname: `${subdomain}.${PLATFORM.domain}` }, BY),
    refused("HostnameTaken", "hostname"),
  );
  await assert.rejects(
    tunnels.request({ ...place, subscriptionId: "sub_of_a_tenant" }, BY),
    refused("SubscriptionTaken", "subscription_id"),
  );
});

test("of a tenant and a tunnel that want the same name at once, one gets it", async () => {
  const { tunnels, tenants } = world();
  const names = Array.from({ length: 8 }, (_, n) => `contested${n}`);
  const asked = names.flatMap((name) => [
    tenants.request({ subdomain: name, planType: "starter", customerEmail: "a@example.com" }, BY),
    tunnels.request(
      { subscriptionId: `sub_${name}`, containerId: 105, localPort: 80, hostname: `${name}.${PLATFORM.domain}` },
      BY,
    ),
  ]);
  const settled = await Promise.allSettled(asked);
  assert.equal(settled.filter(({ status }) => status === "fulfilled").length, names.length);
});

test("a container that does not exist is refused with those that do", async () => {
  await assert.rejects(
    world().tunnels.request({ subscriptionId: "sub_x", containerId: 999, localPort: 80 }, BY),
    (error) => refused("UnknownHost", "container_id")(error) && /105/.test((error as FieldError).remedy),
  );
});

test("a deleted tunnel's name and subscription can be had again", async () => {
  const { tunnels } = world();
  const { id, label, subscriptionId } = await tunnel();
  await run(id);
  await tunnels.remove(`${label}-tunnel`, BY);
  await run(id);
  const again = await tunnels.request(
    { subscriptionId, containerId: 105, localPort: 8081, hostname: `${label}.${PLATFORM.domain}` },
    BY,
  );
  assert.notEqual(again.tunnel.id, id);
});

test("a tunnel that does not get through is failed with its reason, and tried again by itself", async () => {
  const { tunnels, clouds, worker } = world();
  const { id, label } = await tunnel();
  const broken = await run(id, { probe: async () => "Cloudflare sees no connector (error 1033)" });
  assert.equal(broken.kind, "failed");
  const seen = await tunnels.get(`${label}-tunnel`);
  assert.deepEqual([seen?.state, seen?.stateReason, seen?.readyAt], ["failed", "not-reachable", null]);
  assert.ok(seen?.retryAt);
  clouds.connected.add("c1");
  const later = { now: () => new Date(Date.now() + 3_600_000) };
  assert.equal((await reconcileStack(TUNNELS, id, worker("here:1:a", later))).kind, "done");
});

test("a retry looks at what is there, also of a tunnel that seems to be well", async () => {
  const { tunnels, clouds } = world();
  const { id, label } = await tunnel();
  await run(id);
  const { looks } = clouds;
  await tunnels.retry(`${label}-tunnel`, BY);
  assert.equal((await run(id)).kind, "done");
  assert.ok(clouds.looks > looks);
});

test("a tunnel is active only once Cloudflare lists its connection, which may come late", async () => {
  const { tunnels, clouds } = world();
  const { id, label } = await tunnel();
  const asked: string[] = [];
  const states: (string | undefined)[] = [];
  const connectors = clouds.connectors.bind(clouds);
  clouds.connectors = async (...of: readonly string[]) => {
    asked.push(...of);
    states.push((await tunnels.get(`${label}-tunnel`))?.state);
    return asked.length === 1 ? [] : ["c1"];
  };
  assert.equal((await run(id)).kind, "done");
  clouds.connectors = connectors;
  assert.deepEqual(
    [asked, states],
    [
      [`t-${label}`, `t-${label}`],
      ["provisioning", "provisioning"],
    ],
  );
});

test("all tokens are drawn anew behind all other work, and counted until they are in use", async () => {
  const { tunnels, engine, clouds, db, queuedTunnels } = world();
  const { id, label } = await tunnel();
  await run(id);
  const before = (await tunnels.list()).filter(({ wanted }) => wanted === "active").length;
  assert.equal(await tunnels.rotateAll(BY, { priority: Priority.background }), before);
  assert.deepEqual(
    queuedTunnels.findLast(([queued]) => queued === id),
    [id, Priority.background],
  );
  assert.equal((await pendingRotations(db)).tunnel, before);
  clouds.connected.add("old");
  engine.during = async () => {
    engine.during = async () => {};
    clouds.connected.add("new");
  };
  assert.equal((await run(id)).kind, "done");
  const settings = engine.runs.at(-1)?.program[1] as TunnelSettings | undefined;
  assert.equal(settings?.secretGeneration, 2);
  assert.ok(!clouds.connected.has("old") && clouds.connected.has("new"), "who had the old token is cut");
  assert.equal((await pendingRotations(db)).tunnel, before - 1);
  assert.ok((await actions(label)).includes("tunnel.rotate"));
});

test("another's tunnel of that name stalls it at once; freed, a retry succeeds", async () => {
  const { tunnels, clouds } = world();
  const { id, label } = await tunnel();
  clouds.found.set(`tunnel.${label}`, { tunnel: { id: "other", ours: false } });
  assert.deepEqual(await run(id), { kind: "failed", retryInMs: null });
  assert.equal((await tunnels.get(`${label}-tunnel`))?.stateReason, "name-taken");
  assert.deepEqual(await run(id), { kind: "nothing", because: "parked" });
  clouds.found.delete(`tunnel.${label}`);
  await tunnels.retry(`${label}-tunnel`, BY);
  assert.equal((await run(id)).kind, "done");
  assert.deepEqual(await actions(label), ["tunnel.request", "tunnel.stalled", "tunnel.retry", "tunnel.active"]);
});

test("two workers never run one tunnel's stack, and the one that lost it writes nothing", async () => {
  const { db, engine, tunnels } = world();
  const { id, label } = await tunnel();
  const lease = await acquireLease(db, TUNNEL_TABLE, id, "elsewhere");
  assert.deepEqual(await run(id), { kind: "busy" });
  await lease?.release();
  engine.during = async () => {
    engine.during = async () => {};
    await db.query(
      "update standalone_tunnels set lease_token = lease_token + 1, lease_until = now() + interval '1 minute' where id = $1",
      [id],
    );
  };
  assert.deepEqual(await run(id), { kind: "fenced" });
  assert.deepEqual((await tunnels.get(`${label}-tunnel`))?.observedGeneration, 0);
});

test("what an interrupted run made of a tunnel is adopted by the next, and goes when it is deleted instead", async () => {
  const { tunnels, engine, clouds } = world();
  const { id, label } = await tunnel();
  engine.during = async () => {
    engine.during = async () => {};
    throw new EngineFailure("failed", "lost", {
      changes: {},
      resources: [],
      diagnostics: [],
      outputs: {},
      timings: {},
    });
  };
  assert.equal((await run(id)).kind, "failed");
  clouds.found.set(`tunnel.${label}`, { tunnel: { id: "t-half", ours: true } });
  await tunnels.remove(`${label}-tunnel`, BY);
  assert.deepEqual(await run(id), { kind: "done", again: false });
  assert.deepEqual(engine.runs.at(-1)?.program[2], { tunnelId: "t-half" });
  assert.deepEqual(engine.calls.slice(-2), [`up tunnel.${label}`, `destroy tunnel.${label}`]);
});
