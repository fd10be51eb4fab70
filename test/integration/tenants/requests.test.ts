import assert from "node:assert/strict";
import { test } from "node:test";
import { FieldError, SettingsError } from "../../../components/field-error.ts";
import {
  StaleGeneration,
  SubdomainTaken,
  SubscriptionTaken,
  TenantIsDeleted,
  UnknownHost,
  UnknownPlan,
  UnknownTenant,
} from "../../../automation/tenants/errors.ts";
import { Priority } from "../../../automation/queue/queue.ts";
import { insertEvents } from "../../../automation/tenants/operation-rows.ts";
import { reconcile } from "../../../automation/tenants/reconcile.ts";
import { BY, useWorld } from "./world.ts";

const world = useWorld();

test("a request is a row, an operation, a job and an audit line, or nothing of them", async () => {
  const { tenants, db, queued } = world();
  const input = { subdomain: "nova", planType: "starter", customerEmail: "a@nova.example", subscriptionId: "sub_nova" };
  const { tenant, operation } = await tenants.request(input, { ...BY, requestId: "req-1", source: "192.0.2.1" });
  assert.deepEqual([tenant.state, tenant.wanted, tenant.containerId, tenant.generation], ["pending", "active", 105, 1]);
  assert.deepEqual(
    [operation?.kind, operation?.status, operation?.requestedBy, operation?.requestId],
    ["provision", "queued", "user:test", "req-1"],
  );
  assert.deepEqual(queued.at(-1), [tenant.id, Priority.customer]);
  const { rows } = await db.query("select action, source from audit_log where subject_id = $1", [String(tenant.id)]);
  assert.deepEqual(rows, [{ action: "tenant.request", source: "192.0.2.1" }]);

  const before = await tenants.list({ includeDeleted: true });
  await assert.rejects(
    db.transaction(async (tx) => {
      await tenants.request({ ...input, subdomain: "undone", subscriptionId: "sub_undone" }, BY, { tx });
      throw new SettingsError("the caller", ["changed its mind"]);
    }),
  );
  assert.equal((await tenants.list({ includeDeleted: true })).total, before.total);
});

test("a taken subdomain and a subscription that has a tenant are refused; both are free again after deletion", async () => {
  const { tenants, worker } = world();
  const input = {
    subdomain: "orion",
    planType: "starter",
    customerEmail: "a@orion.example",
    subscriptionId: "sub_orion",
  };
  const { tenant } = await tenants.request(input, BY);
  await assert.rejects(tenants.request({ ...input, subscriptionId: "sub_2" }, BY), SubdomainTaken);
  await assert.rejects(tenants.request({ ...input, subdomain: "orion2" }, BY), SubscriptionTaken);
  await assert.rejects(
    tenants.request({ ...input, subdomain: "orion3", subscriptionId: "sub_3", planType: "gold" }, BY),
    UnknownPlan,
  );
  await assert.rejects(
    tenants.request({ ...input, subdomain: "orion3", subscriptionId: "sub_3", containerId: 7 }, BY),
    UnknownHost,
  );
  await tenants.changeWish(tenant.id, { wanted: "deleted" }, BY);
  await reconcile(tenant.id, worker());
  const again = await tenants.request(input, BY);
  assert.notEqual(again.tenant.id, tenant.id);
  assert.equal((await tenants.bySubscription("sub_orion"))?.id, again.tenant.id);
  assert.equal((await tenants.byTunnel("orion-tunnel"))?.id, again.tenant.id);
});

test("a change raises the generation once, replaces waiting operations, and is refused on a stale one", async () => {
  const { tenants, tenant, queued } = world();
  const { id } = await tenant();
  const changed = await tenants.changeWish(id, { planType: "business" }, BY, { expectedGeneration: 1 });
  assert.equal(changed.tenant.generation, 2);
  await assert.rejects(tenants.changeWish(id, { planType: "starter" }, BY, { expectedGeneration: 1 }), StaleGeneration);
  const suspended = await tenants.changeWish(id, { wanted: "suspended" }, BY);
  const { items } = await tenants.operations(id);
  assert.deepEqual(items.map(({ id: operation, status }) => [operation, status]).slice(0, 2), [
    [suspended.operation?.id, "queued"],
    [changed.operation?.id, "superseded"],
  ]);
  assert.deepEqual(queued.at(-1), [id, Priority.change]);
});

test("a change of clocks alone queues nothing", async () => {
  const { tenants, tenant, queued } = world();
  const { id } = await tenant();
  const jobs = queued.length;
  const { tenant: seen, operation } = await tenants.changeWish(
    id,
    { graceUntil: new Date("2026-05-01"), wantedReason: "late" },
    BY,
  );
  assert.deepEqual([seen.generation, operation, queued.length], [1, undefined, jobs]);
  assert.deepEqual(seen.graceUntil, new Date("2026-05-01"));
});

test("a deleted tenant cannot be called back, and an unknown one not be changed", async () => {
  const { tenants, tenant } = world();
  const { id } = await tenant();
  await tenants.changeWish(id, { wanted: "deleted" }, BY);
  await assert.rejects(tenants.changeWish(id, { wanted: "active" }, BY), TenantIsDeleted);
  assert.equal((await tenants.changeWish(id, { wanted: "deleted" }, BY)).operation, undefined);
  await assert.rejects(tenants.changeWish(999_999, { wanted: "active" }, BY), UnknownTenant);
});

test("a paused tenant is queued again when it is released, and both are on record", async () => {
  const { tenants, tenant, queued, db } = world();
  const { id } = await tenant();
  assert.equal((await tenants.pause(id, true, BY)).paused, true);
  const jobs = queued.length;
  assert.equal((await tenants.pause(id, false, BY)).paused, false);
  assert.equal(queued.length, jobs + 1);
  const { rows } = await db.query(
    "select action, before, after from audit_log where subject_id = $1 and action like '%pause' order by id",
    [String(id)],
  );
  assert.deepEqual(rows, [
    { action: "tenant.pause", before: { paused: false }, after: { paused: true } },
    { action: "tenant.unpause", before: { paused: true }, after: { paused: false } },
  ]);
  await assert.rejects(tenants.pause(id, true, BY, { expectedGeneration: 99 }), StaleGeneration);
  await assert.rejects(tenants.pause(999_999, true, BY), UnknownTenant);
});

test("pages neither repeat nor miss a tenant, in any order, while others are added", async () => {
  const { tenants, tenant } = world();
  const wanted = new Set<string>();
  for (let n = 0; n < 7; n += 1) wanted.add((await tenant({ customerEmail: "page_x@example.com" })).subdomain);
  for (const sort of ["id", "subdomain", "createdAt", "updatedAt"] as const) {
    for (const descending of [false, true]) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await tenants.list({
          search: "page_x",
          sort,
          descending,
          limit: 3,
          ...(cursor !== undefined && { cursor }),
        });
        seen.push(...page.items.map(({ subdomain }) => subdomain));
        cursor = page.nextCursor;
        await tenant();
      } while (cursor !== undefined);
      assert.equal(seen.length, 7, `${sort} ${descending ? "descending" : ""}`);
      assert.deepEqual(new Set(seen), wanted);
    }
  }
});

test("a cursor is refused in another order than its page's, and where its place cannot be one", async () => {
  const { tenants, tenant } = world();
  for (let n = 0; n < 2; n += 1) await tenant();
  const { nextCursor: cursor = "" } = await tenants.list({ sort: "subdomain", limit: 1 });
  assert.notEqual(cursor, "");
  const refused = (error: unknown): boolean => error instanceof FieldError && error.field === "cursor";
  await assert.rejects(tenants.list({ sort: "createdAt", cursor }), refused);
  await assert.rejects(tenants.list({ sort: "id", cursor }), refused);
  await assert.rejects(tenants.list({ sort: "subdomain", descending: true, cursor }), refused);
  await assert.rejects(tenants.operations(1, { cursor }), refused);
  for (const time of ["yesterday", "2026-02-31 00:00:00+00"]) {
    const forged = Buffer.from(`["createdAt asc","${time}",1]`).toString("base64url");
    await assert.rejects(tenants.list({ sort: "createdAt", cursor: forged }), refused, time);
  }
});

test("filters narrow a list, and search takes no wildcards", async () => {
  const { tenants, tenant } = world();
  await tenant({ customerEmail: "filter@example.com", planType: "business" });
  const found = async (query: Parameters<typeof tenants.list>[0]): Promise<number> =>
    (await tenants.list({ search: "filter@example.com", ...query })).total;
  assert.equal(await found({}), 1);
  assert.equal(await found({ plans: ["starter"] }), 0);
  assert.equal(await found({ plans: ["business"], states: ["pending"], containerId: 105 }), 1);
  assert.equal(await found({ states: ["active"] }), 0);
  assert.equal(await found({ search: "filter%example" }), 0);
  await assert.rejects(tenants.list({ cursor: "nonsense" }), /cursor/);
});

test("whoever waits for an operation, or watches it, hears of it as it happens", async () => {
  const { tenants, tenant, worker, engine } = world();
  const { id } = await tenant();
  const { items } = await tenants.operations(id);
  const operation = items[0]?.id ?? 0;
  const unfinished = await tenants.waitForOperation(operation, 50);
  assert.equal(unfinished.status, "queued");
  const waiting = tenants.waitForOperation(operation, 20_000);
  const watching = (async () => {
    const kinds: string[] = [];
    for await (const event of tenants.watchOperation(operation))
      kinds.push(event.kind === "phase" ? `phase ${String(event.body["phase"])}` : event.kind);
    return kinds;
  })();
  engine.during = async (_kind, run) => run.onEvent?.({ kind: "summary", changes: { create: 1 }, seconds: 1 });
  await reconcile(id, worker());
  assert.equal((await waiting).status, "succeeded");
  assert.deepEqual(await watching, ["phase claim", "phase engine", "summary", "phase probe", "finished"]);
});

test("whoever comes late to an operation that has said much gets all of it, and then its end", async () => {
  const { tenants, tenant, worker, db } = world();
  const { id } = await tenant();
  const operation = (await tenants.operations(id)).items[0]?.id ?? 0;
  await reconcile(id, worker());
  const said = 2_500;
  const more = Array.from({ length: said }, (_, n) => ({ sequence: 100 + n, at: new Date(), kind: "line", body: {} }));
  await insertEvents(db, operation, more);
  const seen: string[] = [];
  for await (const { kind } of tenants.watchOperation(operation)) seen.push(kind);
  assert.equal(seen.filter((kind) => kind === "line").length, said);
  assert.deepEqual([seen.at(-1), seen.indexOf("finished")], ["finished", seen.length - 1]);
});
