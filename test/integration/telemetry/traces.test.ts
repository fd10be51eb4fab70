import assert from "node:assert/strict";
import { test } from "node:test";
import { CloudflareBudget } from "../../../automation/cloudflare/budget.ts";
import { EngineFailure, type RunEvent } from "../../../automation/engine/engine.ts";
import { exportTraces } from "../../../automation/telemetry/export.ts";
import { currentTraceparent, inSpan } from "../../../automation/telemetry/spans.ts";
import { reconcile } from "../../../automation/tenants/reconcile.ts";
import type { ReconcileIO } from "../../../automation/tenants/run.ts";
import { startOtlpReceiver, treeOf } from "../../otlp-receiver.ts";
import { openShop, type Shop } from "../stripe/shop.ts";
import { FakeClouds, FakeEngine } from "../tenants/world.ts";

const TUNNEL = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared";
const URN = `urn:pulumi:acme::odoosaas::odoosaas:tenant:Tenant$${TUNNEL}::acme-tunnel-tunnel`;

function touched(step: "begin" | "end" | "failed", type = TUNNEL): RunEvent {
  return { kind: "resource", step, change: { urn: URN, type, op: "create", diff: { secret: "update" } } };
}

function workerOf(shop: Shop, engine: FakeEngine, clouds: FakeClouds): ReconcileIO {
  return {
    db: shop.database,
    engine,
    platform: async () => ({ settings: shop.platform, clouds }),
    platformStack: "organization/odoosaas/prod",
    probe: async () => undefined,
    cloudflare: new CloudflareBudget(shop.database, { calls: 100_000, windowSeconds: 300 }),
    perHost: 8,
    worker: "here:1:a",
    now: () => new Date(Date.now() + 600_000), // whatever waits for its next try is due
    log: { info: () => {}, error: () => {} },
  };
}

test("one trace holds the webhook of a paid checkout, its handling, the operation, the engine and its resources", async (t) => {
  // Before anything is exported nothing is kept, and nothing is stored with the rows.
  assert.equal(await inSpan("nobody listens", {}, async () => currentTraceparent()), null);

  const collector = await startOtlpReceiver(t);
  const errors: string[] = [];
  const stop = exportTraces({
    url: `${collector.url}/v1/traces`,
    headers: { "x-key": "collector-key" },
    role: "all",
    version: "1.2.3",
    onError: (message) => errors.push(message),
  });
  const shop = await openShop(t);
  const clouds = new FakeClouds();
  const engine = new FakeEngine(clouds);
  const io = workerOf(shop, engine, clouds);

  // The first try fails within the engine, the second succeeds: both belong to the same checkout.
  let tries = 0;
  engine.during = async (_kind, run) => {
    tries += 1;
    run.onEvent?.(touched("begin"));
    const password = "CANARY-postgres-password";
    run.onEvent?.({ kind: "diagnostic", diagnostic: { severity: "error", message: `refused: ${password}` } });
    if (tries === 1) {
      run.onEvent?.(touched("failed"));
      const result = { changes: {}, resources: [], diagnostics: [], outputs: {}, timings: {} };
      throw new EngineFailure("failed", `refused: ${password}`, result);
    }
    run.onEvent?.(touched("end"));
  };
  const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
  await shop.settle();
  const { id = 0 } = (await shop.tenant(subscription.id)) ?? {};
  assert.equal((await reconcile(id, io)).kind, "failed");
  assert.equal((await reconcile(id, io)).kind, "done");
  await stop();

  const operation = collector.spans.find(({ name }) => name === "operation provision");
  const { traceId = "" } = operation ?? {};
  assert.deepEqual(treeOf(collector.spans, traceId), [
    "POST /webhook/stripe",
    "  queue wait",
    "  handle event",
    "    queue wait",
    "    operation provision",
    "      claim",
    "      engine",
    `        create ${TUNNEL}`,
    "    queue wait",
    "    operation provision",
    "      claim",
    "      engine",
    `        create ${TUNNEL}`,
    "      probe",
  ]);
  const failed = collector.spans.filter((span) => span.traceId === traceId && span.failed);
  assert.deepEqual(
    failed
      .map(({ name, attributes }) => `${name}: ${String(attributes["error.type"])}`)
      .toSorted((a, b) => a.localeCompare(b)),
    [`create ${TUNNEL}: resource-failed`, "engine: EngineFailure", "operation provision: engine-failed"],
  );
  assert.deepEqual(
    [operation?.attributes["odoosaas.subdomain"], operation?.attributes["odoosaas.tenant_id"]],
    ["acme", id],
  );
  const webhook = collector.spans.find((span) => span.traceId === traceId && span.name === "POST /webhook/stripe");
  assert.deepEqual(
    [webhook?.attributes["http.response.status_code"], webhook?.attributes["http.route"]],
    [200, "/webhook/stripe"],
  );
  assert.deepEqual([webhook?.resource["service.name"], webhook?.resource["odoosaas.role"]], ["odoosaas", "all"]);
  assert.equal(collector.headers[0]?.["x-key"], "collector-key");
  assert.ok(!/CANARY|collector-key|whsec_|refused/.test(collector.raw()), "a secret or a message was exported");
  assert.deepEqual(errors, []);
});
