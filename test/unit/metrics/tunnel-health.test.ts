import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { edgeProbe, type ProbeTarget } from "../../../automation/metrics/edge-probe.ts";
import { PROBE_PATH, probeTargets } from "../../../automation/metrics/probe-targets.ts";
import { TunnelHealth } from "../../../automation/metrics/tunnel-health.ts";
import { until } from "../../until.ts";
import { aTenant } from "../api/a-tenant.ts";
import { FakeTenants } from "../api/fake-tenants.ts";
import { aTunnel } from "../tunnels/a-tunnel.ts";

const target = (key: string, expectStatus = 200): ProbeTarget => ({
  key,
  url: `http://${key}.example.com`,
  path: PROBE_PATH,
  expectStatus,
});

test("a probe asks the edge by the tunnel's public name, and says what it saw", async (t) => {
  const asked: string[] = [];
  const answers: Record<string, number> = {
    "acme.example.com": 200,
    "paused.example.com": 503,
    "down.example.com": 530,
    "broken.example.com": 502,
  };
  const edge = createServer((req, res) => {
    asked.push(`${req.method ?? ""} ${req.headers.host ?? ""}${req.url ?? ""}`);
    if (req.headers.host !== "slow.example.com") res.writeHead(answers[req.headers.host ?? ""] ?? 404).end();
  }).listen(0, "127.0.0.1");
  await once(edge, "listening");
  const { port } = edge.address() as AddressInfo;
  const probe = edgeProbe({ edgeAddress: `127.0.0.1:${port}`, timeout: 300 });
  t.after(() => {
    probe.close();
    edge.closeAllConnections();
    edge.close();
  });
  const seen = async (key: string, expect = 200): Promise<[boolean, number | undefined, string | undefined]> => {
    const { ok, status, problem } = await probe(target(key, expect));
    return [ok, status, problem];
  };
  assert.deepEqual(await seen("acme"), [true, 200, undefined]);
  assert.deepEqual(asked, [`HEAD acme.example.com${PROBE_PATH}`]);
  assert.deepEqual(await seen("paused", 503), [true, 503, undefined], "a suspended tenant's page proves its tunnel");
  assert.match(String((await seen("down"))[2]), /1033/);
  assert.match(String((await seen("broken"))[2]), /cannot reach Odoo/);
  assert.match(String((await seen("stranger"))[2]), /no ingress rule/);
  for (const [key, ok] of [
    ["stranger", true],
    ["paused", true],
    ["broken", false],
    ["down", false],
  ] as const)
    assert.equal((await probe({ ...target(key), expectStatus: "any" })).ok, ok, `a container's own answer: ${key}`);
  assert.deepEqual(await seen("slow"), [false, undefined, "no answer in time"]);
  const nobody = edgeProbe({ edgeAddress: "127.0.0.1:1" });
  assert.equal((await nobody(target("acme"))).problem, "the edge does not answer");
  nobody.close();
});

test("health counts what answers, forgets what is gone, and looks first at what was not seen longest", async () => {
  let keys = ["a", "b", "c", "d"];
  const looked: string[] = [];
  const health = new TunnelHealth({
    targets: async () => keys.map((key) => target(key)),
    probe: async ({ key }) => {
      looked.push(key);
      return { ok: key !== "d", ms: key === "a" ? 10 : 20, status: 200, problem: undefined };
    },
    mostPerRound: 2,
    atOnce: 1,
  });
  assert.deepEqual(health.summary(), { total: 0, active: 0, error: 0, avg_latency_ms: null });
  await health.round();
  assert.deepEqual([looked, health.summary()], [["a", "b"], { total: 4, active: 2, error: 0, avg_latency_ms: 15 }]);
  await health.round();
  assert.deepEqual(
    [looked.slice(2), health.summary()],
    [["c", "d"], { total: 4, active: 3, error: 1, avg_latency_ms: 16.7 }],
  );
  keys = ["a", "d"];
  await health.round();
  assert.deepEqual(health.summary(), { total: 2, active: 1, error: 1, avg_latency_ms: 10 });
  assert.equal(health.lastSeen("d")?.ok, false);
  assert.equal(health.lastSeen("b"), undefined);
});

test("rounds go on after one that failed, and stop when told", async () => {
  let rounds = 0;
  const errors: unknown[] = [];
  const health = new TunnelHealth({
    targets: async () => {
      if (++rounds === 1) throw new Error("database away");
      return [target("a")];
    },
    probe: async () => ({ ok: true, ms: 1, status: 200, problem: undefined }),
    onError: (error) => errors.push(error),
    every: 5,
  });
  health.start();
  await until(
    "a few rounds",
    () => rounds,
    (count) => count >= 3,
    5_000,
  );
  await health.stop();
  const after = rounds;
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual([errors.length, rounds], [1, after]);
});

test("each look is told as it is made, and what goes wrong in telling holds nothing up", async () => {
  const told: string[] = [];
  const errors: unknown[] = [];
  const health = new TunnelHealth({
    targets: async () => [target("a"), target("b")],
    probe: async ({ key }) => ({ ok: key === "a", ms: 1, status: key === "a" ? 200 : 530, problem: undefined }),
    async onSeen({ key }, { status }) {
      told.push(`${key} ${status}`);
      if (key === "a") throw new Error("database away");
    },
    onError: (error) => errors.push(error),
    atOnce: 1,
  });
  await health.round();
  assert.deepEqual([told, errors.length], [["a 200", "b 530"], 1]);
});

test("tunnels are probed of tenants that have been ready and are not going", async () => {
  const tenants = new FakeTenants();
  const ready = { readyAt: new Date(), tunnelUrl: null };
  const rows = [
    aTenant({ id: 1, subdomain: "acme", state: "active", ...ready }),
    aTenant({
      id: 2,
      subdomain: "late",
      state: "suspended",
      convergedState: "suspended",
      wanted: "suspended",
      ...ready,
    }),
    aTenant({ id: 3, subdomain: "sick", state: "failed", ...ready, tunnelUrl: "http://sick.odoo.localhost:8080" }),
    aTenant({ id: 7, subdomain: "unpaid", state: "stalled", convergedState: "suspended", ...ready }),
    aTenant({ id: 4, subdomain: "fresh", state: "failed" }),
    aTenant({ id: 5, subdomain: "going", state: "active", wanted: "deleted", ...ready }),
    aTenant({ id: 6, subdomain: "new", state: "provisioning" }),
  ];
  tenants.rows.push(...rows);
  const tunnels = [
    aTunnel({ label: "shop", state: "active", tunnelActive: true, readyAt: new Date() }),
    aTunnel({ label: "young" }),
    aTunnel({ label: "leaving", state: "deleting", wanted: "deleted", readyAt: new Date() }),
  ];
  const targets = await probeTargets(
    tenants,
    { list: async () => tunnels },
    { domain: "example.com", publicUrl: "https://{host}" },
  );
  assert.deepEqual(
    targets.map(({ key, url, expectStatus }) => [key, url, expectStatus]),
    [
      ["shop-tunnel", "https://shop.example.com", "any"],
      ["acme-tunnel", "https://acme.example.com", 200],
      ["late-tunnel", "https://late.example.com", 503],
      ["sick-tunnel", "http://sick.odoo.localhost:8080", 200],
      ["unpaid-tunnel", "https://unpaid.example.com", 503],
    ],
  );
});
