import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineFailure, type ProgramRun } from "../../../automation/engine/engine.ts";
import { FEW, TenantFailure } from "../../../automation/tenants/reasons.ts";
import { reconcile } from "../../../automation/tenants/reconcile.ts";
import { BY, failOnce, noResult, useWorld } from "./world.ts";

// What failures do to a tenant, and what they do not.
const world = useWorld();
const later = (): Date => new Date(Date.now() + 3_600_000);

test("an outage delays a tenant: when it is over, a few failures on the way back do not stall it", async () => {
  const { worker, tenant, tenants, engine } = world();
  const { id } = await tenant();
  for (let n = 0; n < FEW + 3; n += 1) {
    await failOnce(engine, new TenantFailure("host-unreachable", "no route to host"));
    await reconcile(id, worker("here:1:a", { now: later }));
  }
  assert.equal((await tenants.get(id))?.attempts, FEW + 3);
  const booting = worker("here:1:a", { now: later, probe: async () => "/web/login answers 502" });
  for (let n = 1; n < FEW; n += 1) {
    await reconcile(id, booting);
    const seen = await tenants.get(id);
    assert.deepEqual([seen?.state, seen?.stateReason], ["failed", "not-reachable"]);
  }
  await reconcile(id, booting);
  assert.equal((await tenants.get(id))?.state, "stalled");
  await tenants.retry(id, BY);
  await reconcile(id, booting);
  assert.equal((await tenants.get(id))?.state, "failed", "a Retry gives it all its tries again");
  assert.equal((await reconcile(id, worker("here:1:a", { now: later }))).kind, "done");
});

test("what a command prints is no reason to fail, nor to lose what happened, whatever bytes it has", async () => {
  const { worker, tenant, tenants, engine } = world();
  const { id } = await tenant();
  const odd = "a\0b \ud83d, a backslash \\u0000, a whole pair \u{1f600}";
  const kept = "ab \ufffd, a backslash \\u0000, a whole pair \u{1f600}";
  const line = { severity: "info", message: odd } as const;
  const up = engine.up.bind(engine);
  const told = async (run: ProgramRun): Promise<void> => run.onEvent?.({ kind: "diagnostic", diagnostic: line });
  engine.up = async (run) => {
    await told(run);
    throw new EngineFailure("failed", odd, { ...noResult, diagnostics: [line] });
  };
  assert.equal((await reconcile(id, worker())).kind, "failed");
  assert.ok((await tenants.get(id))?.stateDetail?.includes(kept));
  engine.up = async (run) => {
    await told(run);
    return { ...(await up(run)), diagnostics: [line] };
  };
  assert.equal((await reconcile(id, worker("here:1:a", { now: later }))).kind, "done");
  const { items } = await tenants.operations(id);
  for (const { id: operation, status } of items.slice(0, 2)) {
    const found = await tenants.operation(operation);
    assert.deepEqual(found?.diagnostics?.[0], { severity: "info", message: kept }, status);
    const events: unknown[] = [];
    for await (const { kind, body } of tenants.watchOperation(operation)) if (kind === "diagnostic") events.push(body);
    assert.deepEqual(events, [{ diagnostic: { severity: "info", message: kept } }]);
  }
});

test("a correction that comes while the run fails is not parked with it", async () => {
  const { worker, tenant, tenants, engine } = world();
  const { id } = await tenant();
  engine.during = async () => {
    engine.during = async () => {};
    await tenants.changeWish(id, { planType: "business" }, BY);
    throw new TenantFailure("settings-invalid", "plan_type: there is no such plan");
  };
  assert.deepEqual(await reconcile(id, worker()), { kind: "failed", retryInMs: 0 });
  assert.equal((await reconcile(id, worker("here:1:a", { now: later }))).kind, "done");
  assert.equal((await tenants.get(id))?.state, "active");
});

test("a worker that shuts down in the middle of a run costs the tenant no try; the next worker goes on at once", async () => {
  const { worker, tenant, tenants, engine, clouds } = world();
  const { id } = await tenant();
  const stop = new AbortController();
  engine.during = async (_kind, run) => {
    engine.during = async () => {};
    stop.abort(new Error("the worker shuts down"));
    throw new EngineFailure("aborted", `canceled: ${String(run.signal?.aborted)}`, noResult);
  };
  assert.deepEqual(await reconcile(id, worker(), stop.signal), { kind: "interrupted" });
  const seen = await tenants.get(id);
  assert.deepEqual([seen?.state, seen?.stateReason, seen?.attempts], ["provisioning", "interrupted", 0]);
  const looks = clouds.looks;
  assert.equal((await reconcile(id, worker("there:2:b"))).kind, "done");
  assert.ok(clouds.looks > looks, "what was left half done is looked for");
  const { items } = await tenants.operations(id);
  assert.deepEqual(
    items.map(({ status, worker: by }) => [status, by]),
    [
      ["succeeded", "there:2:b"],
      ["superseded", "here:1:a"],
    ],
  );
});

test("an outage of the server's own database in the middle of a run costs the tenant no try", async () => {
  const { worker, tenant, tenants, engine } = world();
  const { id } = await tenant();
  await failOnce(engine, new Error("Connection terminated unexpectedly"));
  assert.deepEqual(await reconcile(id, worker()), { kind: "interrupted" });
  assert.equal((await tenants.get(id))?.attempts, 0);
  assert.equal((await reconcile(id, worker())).kind, "done");
});
