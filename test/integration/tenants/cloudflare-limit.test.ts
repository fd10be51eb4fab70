import assert from "node:assert/strict";
import { test } from "node:test";
import { CloudflareBudget } from "../../../automation/cloudflare/budget.ts";
import { EngineFailure } from "../../../automation/engine/engine.ts";
import { TenantFailure } from "../../../automation/tenants/reasons.ts";
import { reconcile } from "../../../automation/tenants/reconcile.ts";
import { BY, PLATFORM, useWorld } from "./world.ts";

const world = useWorld();
const ACCOUNT = PLATFORM.cloudflare.accountId;

/** A budget of its own: the account's rows of other tests are gone. */
async function budget(calls: number): Promise<CloudflareBudget> {
  const { db } = world();
  await db.query("delete from cloudflare_calls");
  await db.query("delete from cloudflare_accounts");
  return new CloudflareBudget(db, { calls, windowSeconds: 300 });
}

const later = () => new Date(Date.now() + 3_600_000);

test("without room in the budget a tenant waits as it was: nothing has failed, and nothing was begun", async () => {
  const { worker, tenant, tenants, engine } = world();
  const cloudflare = await budget(30);
  const { id, subdomain } = await tenant();
  const others = await cloudflare.reserve(ACCOUNT, { purpose: "provision", calls: 30, importance: "customer" });
  const delayed = await reconcile(id, worker("here:1:a", { cloudflare }));
  assert.equal(delayed.kind, "delayed");
  const waiting = await tenants.get(id);
  assert.deepEqual([waiting?.state, waiting?.stateReason, waiting?.attempts], ["pending", "cloudflare-limit", 0]);
  assert.ok(waiting?.retryAt !== null && waiting !== undefined && waiting.retryAt > new Date());
  assert.deepEqual(
    (await tenants.operations(id)).items.map(({ status }) => status),
    ["queued"],
  );
  assert.ok(!engine.calls.some((call) => call.endsWith(subdomain)));
  assert.deepEqual(await reconcile(id, worker("here:1:a", { cloudflare })), { kind: "nothing", because: "waiting" });

  assert.ok("reservation" in others);
  await others.reservation.settle(0);
  assert.equal((await reconcile(id, worker("here:1:a", { cloudflare, now: later }))).kind, "done");
  const made = await tenants.get(id);
  assert.deepEqual([made?.state, made?.stateReason], ["active", null]);
  assert.deepEqual(
    (await tenants.operations(id)).items.map(({ status }) => status),
    ["succeeded"],
  );
});

test("a resume finds room where a change has to wait", async () => {
  const { worker, tenant, tenants } = world();
  const cloudflare = await budget(40);
  const [changed, resumed] = [await tenant(), await tenant()];
  for (const { id } of [changed, resumed]) await reconcile(id, worker());
  await tenants.changeWish(resumed.id, { wanted: "suspended" }, BY);
  await reconcile(resumed.id, worker());
  await tenants.changeWish(resumed.id, { wanted: "active" }, BY);
  await tenants.changeWish(changed.id, { planType: "business" }, BY);
  await budget(40);
  await cloudflare.reserve(ACCOUNT, { purpose: "provision", calls: 36, importance: "customer" });
  assert.equal((await reconcile(changed.id, worker("here:1:a", { cloudflare }))).kind, "delayed");
  assert.equal((await tenants.get(changed.id))?.state, "active", "visitors are served all the while");
  assert.equal((await reconcile(resumed.id, worker("here:1:a", { cloudflare }))).kind, "done");
});

const REFUSED: readonly [string, Error, number][] = [
  ["by a look of ours", new TenantFailure("cloudflare-limit", "asking Cloudflare: 429"), 30_000],
  [
    "by the engine's provider",
    engineFailure("cloudflare:index/dnsRecord:DnsRecord", "429 Too Many Requests: More than 1200 requests"),
    30_000,
  ],
  [
    "by the wait for a tunnel's connections",
    engineFailure("command:local:Command", "Cloudflare answered 429 to GET of ...; Retry-After: 120: {}"),
    120_000,
  ],
];

for (const [how, error, pause] of REFUSED) {
  test(`a call refused ${how} pauses Cloudflare for all, and delays the tenant instead of failing it`, async () => {
    const { worker, tenant, tenants, engine } = world();
    const cloudflare = await budget(1_000);
    const [first, second] = [await tenant(), await tenant()];
    engine.during = async () => {
      engine.during = async () => {};
      throw error;
    };
    // More often than what may fail a few times would be forgiven.
    for (let time = 0; time < 7; time += 1) {
      assert.equal((await reconcile(first.id, worker("here:1:a", { cloudflare, now: later }))).kind, "delayed");
    }
    const seen = await tenants.get(first.id);
    assert.deepEqual([seen?.state, seen?.stateReason, seen?.attempts], ["provisioning", "cloudflare-limit", 0]);
    const left = await cloudflare.pausedMs(ACCOUNT);
    assert.ok(left > pause - 10_000 && left <= pause, `${left} ms`);
    assert.equal((await reconcile(second.id, worker("there:2:b", { cloudflare }))).kind, "delayed");

    await budget(1_000);
    assert.equal((await reconcile(first.id, worker("here:1:a", { cloudflare, now: later }))).kind, "done");
    assert.equal((await tenants.get(first.id))?.state, "active");
    const { items } = await tenants.operations(first.id);
    assert.deepEqual(
      items.map(({ status }) => status),
      ["succeeded", "superseded"],
    );
    assert.match(items[1]?.error ?? "", /^cloudflare-limit: /);
  });
}

function engineFailure(type: string, message: string): EngineFailure {
  const urn = `urn:pulumi:acme::odoosaas::odoosaas:tenant:Tenant$${type}::acme-part`;
  const diagnostics = [{ severity: "error" as const, urn, message }];
  return new EngineFailure("failed", "failed", { changes: {}, resources: [], diagnostics, outputs: {}, timings: {} });
}
