import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestApi, type TestApi } from "./fixture.ts";

async function withAcme(api: TestApi): Promise<void> {
  api.tenants.endWith = "succeeded";
  await api.call("POST", "/api/tenants", {
    body: { subscription_id: "sub_1", subdomain: "acme", plan_type: "shared" },
  });
}

const SHOP = { subscription_id: "sub_9", container_id: 105, local_port: 8080, hostname: "shop.example.com" };

test("a container's own tunnel is retried, unlocked and rotated by itself; a tenant's with its tenant", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  await api.call("POST", "/api/tunnels", { body: SHOP });
  for (const verb of ["retry", "unlock", "rotate"]) {
    const { status, at, headers } = await api.call("POST", `/api/tunnels/shop-tunnel/${verb}`);
    assert.deepEqual([status, at("operation.kind"), headers.get("location")], [202, "provision", at("operation.url")]);
    const ofTenant = await api.call("POST", `/api/tunnels/acme-tunnel/${verb}`);
    assert.deepEqual(
      [ofTenant.status, ofTenant.at("type"), ofTenant.at("remedy")],
      [409, "/problems/TunnelOfTenant", `Do it with the tenant: POST /api/tenants/1/${verb}`],
    );
    const unknown = await api.call("POST", `/api/tunnels/other-tunnel/${verb}`);
    assert.deepEqual(
      [unknown.status, unknown.at("type"), unknown.at("field"), unknown.at("value")],
      [404, "/problems/UnknownTunnel", "id", "other-tunnel"],
    );
  }
  const audit = await api.call("GET", "/api/audit?subject_type=tunnel&limit=3");
  assert.deepEqual(audit.at("lines.*.action"), ["tunnel.rotate", "tunnel.unlock", "tunnel.retry"]);
  assert.deepEqual(audit.at("lines.*.before.generation"), [3, 2, 1]);
  assert.deepEqual(audit.at("lines.*.after.generation"), [4, 3, 2]);
  assert.deepEqual([audit.at("lines.0.before.secretGeneration"), audit.at("lines.0.after.secretGeneration")], [1, 2]);
});

test("a run of a container's own tunnel is previewed once for an Idempotency-Key; a tenant's with its tenant", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  await api.call("POST", "/api/tunnels", { body: SHOP });
  const keyed = { headers: { "idempotency-key": "k1" } };
  const { status, at, headers } = await api.call("POST", "/api/tunnels/shop-tunnel/preview", keyed);
  assert.deepEqual(
    [status, at("operation.kind"), at("operation.status"), at("operation.tunnel_name")],
    [202, "preview", "queued", "shop-tunnel"],
  );
  assert.equal(headers.get("location"), `/api/operations/${String(at("operation.id"))}`);
  assert.deepEqual(api.queue.previews, [at("operation.id")]);
  await api.database.query("update idempotency_keys set status = null, claim = null where key = 'k1'");
  const resumed = await api.call("POST", "/api/tunnels/shop-tunnel/preview", keyed);
  assert.deepEqual([resumed.status, resumed.at("operation.id")], [202, at("operation.id")]);
  const waiting = await api.call("GET", "/api/operations?tunnel=shop-tunnel&status=queued");
  assert.deepEqual(waiting.at("operations.*.kind"), ["preview", "provision"], "it takes no waiting run's place");
  assert.equal((await api.call("GET", "/api/tunnels/shop-tunnel")).at("tunnel.state"), "pending");
  const ofTenant = await api.call("POST", "/api/tunnels/acme-tunnel/preview");
  assert.deepEqual(
    [ofTenant.status, ofTenant.at("remedy")],
    [409, "Do it with the tenant: POST /api/tenants/1/preview"],
  );
  await api.database.query("update standalone_tunnels set state = 'deleted', deleted_at = now()");
  assert.equal((await api.call("POST", "/api/tunnels/shop-tunnel/preview")).status, 404);
});

test("changes of a tunnel are held to the ETag they are based on", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tunnels", { body: SHOP });
  const etag = String((await api.call("GET", "/api/tunnels/shop-tunnel")).headers.get("etag"));
  const held = { headers: { "if-match": etag } };
  const first = await api.call("POST", "/api/tunnels/shop-tunnel/retry", held);
  assert.equal(first.status, 202);
  assert.notEqual(first.headers.get("etag"), etag);
  for (const [method, verb] of [
    ["POST", "/retry"],
    ["POST", "/unlock"],
    ["POST", "/rotate"],
    ["DELETE", ""],
  ] as const) {
    const stale = await api.call(method, `/api/tunnels/shop-tunnel${verb}`, held);
    assert.deepEqual([stale.status, stale.at("type")], [412, "/problems/StaleGeneration"], verb);
    assert.match(String(stale.at("detail")), /shop-tunnel is at generation 2, not 1/);
  }
  const now = { headers: { "if-match": String(first.headers.get("etag")) } };
  assert.equal((await api.call("DELETE", "/api/tunnels/shop-tunnel", now)).status, 202);
});

test("a tunnel is requested, and rotated, once for an Idempotency-Key", async (t) => {
  const api = await startTestApi(t);
  const keyed = (key: string): { headers: Record<string, string> } => ({ headers: { "idempotency-key": key } });
  const first = await api.call("POST", "/api/tunnels", { body: SHOP, ...keyed("k1") });
  const again = await api.call("POST", "/api/tunnels", { body: SHOP, ...keyed("k1") });
  assert.deepEqual([again.status, again.body], [202, first.body]);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  const rotated = await api.call("POST", "/api/tunnels/shop-tunnel/rotate", keyed("k2"));
  assert.deepEqual((await api.call("POST", "/api/tunnels/shop-tunnel/rotate", keyed("k2"))).body, rotated.body);
  // Accepted, but never answered: the repeat goes on with what had been accepted.
  await api.database.query("update idempotency_keys set status = null, claim = null where key = 'k2'");
  const resumed = await api.call("POST", "/api/tunnels/shop-tunnel/rotate", keyed("k2"));
  assert.deepEqual([resumed.status, resumed.at("operation.id")], [202, rotated.at("operation.id")]);
  const { rows } = await api.database.query<{ generation: number }>("select generation from standalone_tunnels");
  assert.deepEqual(rows, [{ generation: 2 }]);
});

test("whoever waits for a tunnel that takes longer is told that it is under way", async (t) => {
  const api = await startTestApi(t);
  const wait = { headers: { prefer: "wait=1" } };
  await api.call("POST", "/api/tunnels", { body: SHOP });
  const late = await api.call("POST", "/api/tunnels/shop-tunnel/retry", wait);
  assert.deepEqual([late.status, late.headers.get("preference-applied")], [202, "wait=1"]);
});

test("while a tunnel is being deleted it is deleted once, and neither restarted nor rotated", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tunnels", { body: SHOP });
  const first = await api.call("DELETE", "/api/tunnels/shop-tunnel");
  const second = await api.call("DELETE", "/api/tunnels/shop-tunnel");
  assert.deepEqual([second.status, second.at("operation.id")], [202, first.at("operation.id")]);
  assert.equal(first.at("tunnel.wanted"), "deleted");
  for (const verb of ["restart", "rotate"]) {
    const refused = await api.call("POST", `/api/tunnels/shop-tunnel/${verb}`);
    assert.deepEqual(
      [refused.status, refused.at("type"), refused.at("value")],
      [409, "/problems/TunnelIsDeleted", "shop-tunnel"],
      verb,
    );
    assert.match(String(refused.at("remedy")), /Wait until it is gone/);
  }
  assert.deepEqual(api.connectors.restarted, []);
  await api.database.query("update standalone_tunnels set state = 'deleted', deleted_at = now()");
  assert.equal((await api.call("DELETE", "/api/tunnels/shop-tunnel")).status, 404);
});

test("operations name their tunnel, and are found by it: a container's own, deleted or not, or a tenant's", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  await api.call("POST", "/api/tunnels", { body: SHOP });
  await api.call("POST", "/api/tunnels", { body: { ...SHOP, subscription_id: "sub_10", hostname: "bar.example.com" } });
  const names = async (query: string): Promise<unknown> =>
    (await api.call("GET", `/api/operations${query}`)).at("operations.*.tunnel_name");
  assert.deepEqual(await names("?tunnel=shop-tunnel"), ["shop-tunnel"]);
  assert.deepEqual(await names(""), ["bar-tunnel", "shop-tunnel"]);
  assert.deepEqual(await names("?tunnel=other-tunnel"), []);
  await api.database.query(
    "update standalone_tunnels set state = 'deleted', deleted_at = now(), tunnel_id = 'c0ffee' where label = 'shop'",
  );
  assert.deepEqual(await names("?tunnel=shop-tunnel"), ["shop-tunnel"]);
  assert.deepEqual(await names("?tunnel=c0ffee&status=queued"), ["shop-tunnel"]);
  const { rows } = await api.database.query<{ id: number }>(
    "insert into tenant_deployments (subdomain, plan_type, container_id, customer_email, wanted) values ('beta', 'shared', 105, 'a@example.com', 'active') returning id",
  );
  await api.database.query(
    "insert into operations (tenant_id, kind, generation, requested_by) values ($1, 'provision', 1, 'user:test')",
    [rows[0]?.id],
  );
  const found = await api.call("GET", "/api/operations?tunnel=beta-tunnel");
  assert.deepEqual([found.at("operations.*.tenant_id"), found.at("operations.*.tunnel_name")], [[rows[0]?.id], [null]]);
  assert.equal((await api.call("GET", "/api/operations?tunnel=a%20b")).status, 400);
});

test("every wrong value of a new tunnel is named with its field", async (t) => {
  const api = await startTestApi(t);
  const wrong = { local_port: [0, 65_536, 80.5, "8080"], container_id: [0, -1], subscription_id: ["", "a b"] };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      const { status, at } = await api.call("POST", "/api/tunnels", { body: { ...SHOP, [field]: value } });
      assert.deepEqual([status, at("errors.0.field"), at("errors.0.value")], [422, field, value]);
      assert.match(String(at("detail")), new RegExp(field));
    }
  }
  api.tenants.endWith = "succeeded";
  await api.database.query(
    "insert into tenant_deployments (subdomain, plan_type, container_id, customer_email, wanted) values ('shop', 'shared', 105, 'a@example.com', 'active')",
  );
  const taken = await api.call("POST", "/api/tunnels", { body: SHOP });
  assert.deepEqual(
    [taken.status, taken.at("type"), taken.at("field"), taken.at("value"), taken.at("remedy")],
    [409, "/problems/HostnameTaken", "hostname", "shop.example.com", "Choose another host name."],
  );
});
