import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../../sandbox/cloudflare/world/api-error.ts";
import type { LiveConnection } from "../../../sandbox/cloudflare/world/live-connections.ts";
import { StateStore } from "../../../sandbox/cloudflare/world/store.ts";
import { type TunnelRules, Tunnels } from "../../../sandbox/cloudflare/world/tunnels.ts";

function world(rules: Partial<TunnelRules> = {}) {
  const store = new StateStore(":memory:");
  const live: LiveConnection[] = [];
  const clock = { ms: Date.parse("2026-03-01T00:00:00Z") };
  const connections = {
    of: (id: string) => live.filter((connection) => connection.tunnelId === id),
    close: (id: string) => {
      const before = live.length;
      live.splice(0, before, ...live.filter((connection) => connection.tunnelId !== id));
      if (live.length < before) tunnels.disconnected(id);
    },
  };
  const open = () =>
    new Tunnels(store.collection("tunnel"), connections, () => clock.ms, { accountId: "a", limit: 1_000, ...rules });
  const tunnels = open();
  const connect = (tunnelId: string, clientId: string, index = 0) => {
    live.push({ tunnelId, clientId, index } as LiveConnection);
    if (connections.of(tunnelId).length === 1) tunnels.connected(tunnelId);
  };
  return { tunnels, connections, connect, clock, open };
}

function refusedWith(code: number, status: number) {
  return (error: unknown) => {
    assert.ok(error instanceof ApiError, String(error));
    assert.deepEqual([error.code, error.status], [code, status]);
    return true;
  };
}

const remote = { configSource: "cloudflare" } as const;

test("a tunnel's name is taken until the tunnel is deleted", () => {
  const { tunnels } = world();
  const first = tunnels.create({ name: "acme-tunnel", ...remote });
  assert.throws(() => tunnels.create({ name: "acme-tunnel", ...remote }), refusedWith(1013, 409));
  tunnels.delete(first.id, false);
  const second = tunnels.create({ name: "acme-tunnel", ...remote });
  assert.notEqual(second.id, first.id);
  assert.throws(() => tunnels.create({ name: "acme-tunnel", ...remote }), refusedWith(1013, 409));
});

test("a rename frees the old name and is refused for a taken one", () => {
  const { tunnels } = world();
  const acme = tunnels.create({ name: "acme", ...remote });
  tunnels.create({ name: "bolt", ...remote });
  assert.throws(() => tunnels.update(acme.id, { name: "bolt" }), refusedWith(1013, 409));
  assert.equal(tunnels.update(acme.id, { name: "acme" }).name, "acme");
  tunnels.update(acme.id, { name: "acme-2" });
  assert.equal(tunnels.create({ name: "acme", ...remote }).name, "acme");
});

test("a name clash tells clients whether to retry only when it is configured", () => {
  for (const nameClashShouldRetry of [undefined, false, true]) {
    const { tunnels } = world({ nameClashShouldRetry });
    tunnels.create({ name: "acme", ...remote });
    assert.throws(
      () => tunnels.create({ name: "acme", ...remote }),
      (error: unknown) => {
        const sent = (error as ApiError).headers["x-should-retry"];
        assert.equal(sent, nameClashShouldRetry === undefined ? undefined : String(nameClashShouldRetry));
        return true;
      },
    );
  }
});

test("a connected tunnel cannot be deleted, unless its connections are closed with it", () => {
  const { tunnels, connect, connections } = world();
  const { id } = tunnels.create({ name: "acme", ...remote });
  connect(id, "one");
  assert.throws(() => tunnels.delete(id, false), refusedWith(1022, 400));
  assert.equal(tunnels.get(id).deletedAt, null);
  const deleted = tunnels.delete(id, true);
  assert.ok(deleted.deletedAt);
  assert.ok(deleted.inactiveSince, "it is not shown as connected any more");
  assert.equal(connections.of(id).length, 0);
});

test("a deleted tunnel can be read but not used", () => {
  const { tunnels } = world();
  const { id } = tunnels.create({ name: "acme", ...remote });
  tunnels.delete(id, false);
  assert.ok(tunnels.get(id).deletedAt);
  for (const use of [
    () => tunnels.delete(id, false),
    () => tunnels.update(id, { name: "other" }),
    () => tunnels.configure(id, {}),
    () => tunnels.token(id),
  ])
    assert.throws(use, refusedWith(1003, 404));
  assert.throws(() => tunnels.get("f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"), refusedWith(1003, 404));
});

test("the status follows the connections of the moment", () => {
  const { tunnels, connect, connections, clock } = world();
  const { id } = tunnels.create({ name: "acme", ...remote });
  const status = () => tunnels.status(tunnels.get(id));
  assert.equal(status(), "inactive");
  for (const index of [0, 1, 2]) connect(id, "one", index);
  assert.equal(status(), "degraded");
  assert.equal(tunnels.get(id).inactiveSince, null);
  assert.equal(tunnels.activeSince(id), "2026-03-01T00:00:00.000Z");
  connect(id, "one", 3);
  assert.equal(status(), "healthy");
  connect(id, "two");
  assert.equal(status(), "degraded", "a second connector is not complete");
  clock.ms += 60_000;
  connections.close(id);
  assert.equal(status(), "down");
  assert.equal(tunnels.get(id).inactiveSince, "2026-03-01T00:01:00.000Z");
  assert.equal(tunnels.activeSince(id), null);
});

test("after a restart nothing is connected, and the rest is as it was", () => {
  const { tunnels, connect, clock, open } = world();
  const { id } = tunnels.create({ name: "acme", ...remote });
  connect(id, "one");
  tunnels.configure(id, { ingress: [{ service: "http_status:404" }] });
  clock.ms += 5_000;
  const again = open();
  assert.equal(again.get(id).inactiveSince, "2026-03-01T00:00:05.000Z");
  assert.deepEqual(again.get(id).configuration, tunnels.get(id).configuration);
  assert.throws(() => again.create({ name: "acme", ...remote }), refusedWith(1013, 409));
});

test("each configuration is a new version and is announced", () => {
  const { tunnels } = world();
  const { id } = tunnels.create({ name: "acme", configSource: "local" });
  const announced: (number | undefined)[] = [];
  tunnels.events.on("configured", (tunnel) => announced.push(tunnel.configuration?.version));
  tunnels.configure(id, {});
  tunnels.configure(id, { ingress: [{ service: "http_status:404" }] });
  assert.throws(() => tunnels.configure(id, { ingress: [{ service: "nowhere" }] }), refusedWith(1056, 400));
  assert.deepEqual(announced, [1, 2]);
  assert.equal(tunnels.get(id).configSource, "cloudflare");
});

test("a token holds account, tunnel and secret", () => {
  const { tunnels } = world();
  const secret = Buffer.alloc(32, 7).toString("base64");
  const { id } = tunnels.create({ name: "acme", ...remote, secret });
  assert.deepEqual(JSON.parse(Buffer.from(tunnels.token(id), "base64").toString()), { a: "a", t: id, s: secret });
});

test("a secret that is short or no base64 is refused", () => {
  const { tunnels } = world();
  for (const secret of ["", "short", Buffer.alloc(31).toString("base64"), "!".repeat(50)])
    assert.throws(
      () => tunnels.create({ name: `n${secret.length}`, ...remote, secret }),
      refusedWith(1001, 400),
      secret,
    );
});

test("an account has room for a limited number of tunnels", () => {
  const { tunnels } = world({ limit: 2 });
  const one = tunnels.create({ name: "one", ...remote });
  tunnels.create({ name: "two", ...remote });
  assert.throws(() => tunnels.create({ name: "three", ...remote }), refusedWith(1055, 400));
  tunnels.delete(one.id, false);
  tunnels.create({ name: "three", ...remote });
});
