import assert from "node:assert/strict";
import { test } from "node:test";
import { aTenant } from "../../unit/api/a-tenant.ts";
import { startTestApi } from "./fixture.ts";

const ACME = { subscription_id: "sub_1", subdomain: "acme", plan_type: "shared", container_id: 105, local_port: 8069 };

test("a requested tenant is accepted at once, with the operation to follow", async (t) => {
  const api = await startTestApi(t);
  const { status, at, headers } = await api.call("POST", "/api/tenants", { body: ACME, role: "operator" });
  assert.equal(status, 202);
  assert.equal(headers.get("location"), "/api/operations/1");
  assert.deepEqual(at("operation"), { id: 1, kind: "provision", status: "queued", url: "/api/operations/1" });
  const { id, subdomain, database, url, tunnel, customer_email } = at("tenant") as Record<string, unknown>;
  assert.deepEqual(
    { id, subdomain, database, url, tunnel },
    {
      id: 1,
      subdomain: "acme",
      database: "acme",
      url: "https://acme.example.com",
      tunnel: { tunnel_id: null, tunnel_name: "acme-tunnel", status: "pending" },
    },
  );
  assert.equal(customer_email, "admin@acme.example.com");
  assert.equal(api.tenants.calls[0]?.by.name, "user:tester");
  assert.equal(api.tenants.calls[0]?.by.source, "127.0.0.1");
  assert.equal(api.tenants.calls[0]?.by.requestId, headers.get("x-request-id"));
});

test("a caller who prefers to wait gets the finished tenant", async (t) => {
  const api = await startTestApi(t);
  const answer = api.call("POST", "/api/tenants", {
    body: { ...ACME, customer_email: "boss@acme.example" },
    headers: { prefer: "respond-async, wait=30" },
  });
  while (api.tenants.allOperations.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  api.tenants.finish(1, "succeeded");
  const { status, at, headers } = await answer;
  assert.equal(status, 201);
  assert.equal(headers.get("location"), "/api/tenants/1");
  assert.equal(headers.get("preference-applied"), "wait=5", "the server's longest wait");
  assert.equal(at("tenant.tunnel.status"), "active");
  assert.equal(at("tenant.state"), "active");
  assert.equal(at("tenant.customer_email"), "boss@acme.example");
});

test("a wait that is over is answered as under way", async (t) => {
  const api = await startTestApi(t);
  const { status, headers } = await api.call("POST", "/api/tenants", { body: ACME, headers: { prefer: "wait=0" } });
  assert.equal(status, 202);
  assert.equal(headers.get("preference-applied"), "wait=0");
});

test("a wait goes on with the operation that took the first one's place", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: ACME });
  const answer = api.call("POST", "/api/tenants/1/retry", { headers: { prefer: "wait=5" } });
  while (api.tenants.allOperations.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  api.tenants.begin(1, "update");
  api.tenants.finish(2, "superseded");
  api.tenants.finish(3, "succeeded");
  const { status, at } = await answer;
  assert.equal(status, 200);
  assert.equal(at("operation.id"), 3);
});

test("a failed operation is told to the caller who waited, with the way on", async (t) => {
  const api = await startTestApi(t);
  api.tenants.endWith = "failed";
  const { status, at } = await api.call("POST", "/api/tenants", { body: ACME, headers: { prefer: "wait=5" } });
  assert.equal(status, 502);
  assert.equal(at("type"), "/problems/OperationFailed");
  assert.equal(at("detail"), "host 105 does not answer");
  assert.equal(at("operation_url"), "/api/operations/1");
  assert.match(String(at("remedy")), /POST \/api\/tenants\/1\/retry/);
});

test("every wrong field of a request is named at once, with its value and the rule", async (t) => {
  const api = await startTestApi(t);
  const wrong = { subdomain: "-Ä", plan_type: "", local_port: 70_000, container_id: "105", custemer_email: "x" };
  const { status, at } = await api.call("POST", "/api/tenants", { body: wrong });
  assert.equal(status, 422);
  const fields = new Set(at("errors.*.field") as string[]);
  assert.deepEqual(fields, new Set(["subdomain", "plan_type", "local_port", "container_id", "custemer_email"]));
  assert(Array.from(at("errors.*.value") as unknown[]).includes(70_000));
  assert.equal(api.tenants.rows.length, 0);
});

test("bad subdomains are refused by the field's own rules", async (t) => {
  const api = await startTestApi(t);
  for (const subdomain of [
    "",
    "ab",
    "Acme",
    "a".repeat(64),
    "ünïcode",
    "-acme",
    "www",
    "postgres",
    "template1",
    "acme'; drop table x; --",
    "$(reboot)",
    "xn--bcher-kva",
  ]) {
    const { status, at } = await api.call("POST", "/api/tenants", { body: { ...ACME, subdomain } });
    assert.equal(status, 422, subdomain);
    assert.equal(at("field"), "subdomain", subdomain);
  }
});

test("what the platform refuses says which field, which value and what to do", async (t) => {
  const api = await startTestApi(t);
  const unknownPlan = await api.call("POST", "/api/tenants", { body: { ...ACME, plan_type: "golden" } });
  assert.equal(unknownPlan.status, 422);
  assert.deepEqual(
    [unknownPlan.at("field"), unknownPlan.at("value"), unknownPlan.at("remedy")],
    ["plan_type", "golden", "Use one of: shared, dedicated."],
  );
  await api.call("POST", "/api/tenants", { body: ACME });
  const taken = await api.call("POST", "/api/tenants", { body: { ...ACME, subscription_id: "sub_2" } });
  assert.equal(taken.status, 409);
  assert.equal(taken.at("type"), "/problems/SubdomainTaken");
  const twice = await api.call("POST", "/api/tenants", { body: { ...ACME, subdomain: "other" } });
  assert.equal(twice.status, 409);
  assert.equal(twice.at("field"), "subscription_id");
});

test("tenants are listed by filter, sort and page", async (t) => {
  const api = await startTestApi(t);
  for (const subdomain of ["acme", "beta", "gamma"])
    await api.call("POST", "/api/tenants", { body: { subdomain, plan_type: "shared" } });
  const first = await api.call("GET", "/api/tenants?limit=2", { role: "viewer" });
  assert.deepEqual(first.at("tenants.*.subdomain"), ["acme", "beta"]);
  assert.equal(first.at("total"), 3);
  assert.equal(first.headers.get("link"), '</api/tenants?limit=2&cursor=2>; rel="next"');
  const second = await api.call("GET", `/api/tenants?limit=2&cursor=${String(first.at("next_cursor"))}`);
  assert.deepEqual(second.at("tenants.*.subdomain"), ["gamma"]);
  assert.equal(second.at("next_cursor"), null);
  assert.deepEqual((await api.call("GET", "/api/tenants?sort=-id")).at("tenants.*.subdomain"), [
    "gamma",
    "beta",
    "acme",
  ]);
  assert.deepEqual((await api.call("GET", "/api/tenants?search=gam&state=pending,active")).at("tenants.*.subdomain"), [
    "gamma",
  ]);
  assert.deepEqual((await api.call("GET", "/api/tenants?state=failed")).at("tenants.*.subdomain"), []);
  assert.deepEqual((await api.call("GET", "/api/tenants?subdomain=beta")).at("tenants.*.subdomain"), ["beta"]);
  for (const query of ["sort=price", "limit=0", "limit=1001", "state=happy", "colour=red", "cursor=%00"]) {
    assert.equal((await api.call("GET", `/api/tenants?${query}`)).status, 400, query);
  }
});

test("an unknown tenant is 404 and an id that is no number 400", async (t) => {
  const api = await startTestApi(t);
  const missing = await api.call("GET", "/api/tenants/99");
  assert.equal(missing.status, 404);
  assert.equal(missing.at("detail"), "there is no tenant 99");
  for (const id of ["acme", "0", "-1", "1e3", "99999999999999999999"])
    assert.equal((await api.call("GET", `/api/tenants/${id}`)).status, 400, id);
});

test("a change is made only on what the caller has seen", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: ACME });
  const etag = (await api.call("GET", "/api/tenants/1")).headers.get("etag") ?? "";
  const changed = await api.call("PATCH", "/api/tenants/1", {
    body: { plan_type: "dedicated", company_name: "Acme" },
    headers: { "if-match": etag },
  });
  assert.equal(changed.status, 202);
  assert.equal(changed.at("tenant.plan_type"), "dedicated");
  assert.equal(changed.at("tenant.company_name"), "Acme");
  assert.notEqual(changed.headers.get("etag"), etag);
  const stale = await api.call("PATCH", "/api/tenants/1", {
    body: { plan_type: "shared" },
    headers: { "if-match": etag },
  });
  assert.equal(stale.status, 412);
  assert.match(String(stale.at("remedy")), /Read it again/);
  for (const verb of ["suspend", "resume", "retry", "unlock", "rotate", "pause", "unpause"]) {
    const { status } = await api.call("POST", `/api/tenants/1/${verb}`, { headers: { "if-match": etag } });
    assert.equal(status, 412, verb);
  }
  assert.equal((await api.call("DELETE", "/api/tenants/1", { headers: { "if-match": etag } })).status, 412);
  assert.equal(
    (await api.call("PATCH", "/api/tenants/1", { body: { plan_type: "shared" }, headers: { "if-match": "*" } })).status,
    202,
  );
  assert.equal(
    (await api.call("PATCH", "/api/tenants/1", { body: { company_name: null } })).at("tenant.company_name"),
    null,
  );
  assert.equal((await api.call("PATCH", "/api/tenants/1", { body: {} })).status, 422);
  assert.equal(
    (
      await api.call("PATCH", "/api/tenants/1", {
        body: { plan_type: "shared" },
        headers: { "if-match": "W/nonsense" },
      })
    ).status,
    400,
  );
});

test("a tenant is suspended, resumed, paused, retried, previewed and deleted", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: ACME });
  api.tenants.endWith = "succeeded";
  const wait = { headers: { prefer: "wait=1" } };
  const suspended = await api.call("POST", "/api/tenants/1/suspend", { ...wait, body: { reason: "abuse" } });
  assert.deepEqual(
    [suspended.status, suspended.at("tenant.wanted"), suspended.at("tenant.wanted_reason")],
    [200, "suspended", "operator: abuse"],
  );
  const resumed = await api.call("POST", "/api/tenants/1/resume", wait);
  assert.deepEqual([resumed.at("tenant.wanted"), resumed.at("tenant.wanted_reason")], ["active", null]);
  assert.equal((await api.call("POST", "/api/tenants/1/pause")).at("tenant.paused"), true);
  assert.equal((await api.call("POST", "/api/tenants/1/unpause")).at("tenant.paused"), false);
  assert.equal((await api.call("POST", "/api/tenants/1/retry", wait)).at("operation.kind"), "update");
  assert.equal((await api.call("POST", "/api/tenants/1/unlock", wait)).status, 200);
  assert.deepEqual(
    api.tenants.calls.filter(({ method }) => method === "retry").map(({ options }) => options?.unlock),
    [undefined, true],
  );
  const preview = await api.call("POST", "/api/tenants/1/preview", wait);
  assert.deepEqual(
    [preview.status, preview.at("operation.kind"), preview.at("operation.seconds")],
    [200, "preview", 1.5],
  );
  const deleted = await api.call("DELETE", "/api/tenants/1", wait);
  assert.deepEqual(
    [deleted.status, deleted.at("operation.kind"), deleted.at("tenant.state")],
    [200, "delete", "deleted"],
  );
  assert.equal((await api.call("POST", "/api/tenants/1/resume")).status, 409);
  const operations = await api.call("GET", "/api/tenants/1/operations?limit=2");
  assert.deepEqual(operations.at("operations.*.kind"), ["delete", "preview"]);
  assert.equal(operations.at("total"), 7);
});

test("an operator's own pulumi gets the stack configuration, without a secret", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", {
    body: { ...ACME, language: "fr_FR", custom_domains: ["erp.acme.example"] },
  });
  const { at } = await api.call("GET", "/api/tenants/1/config", { role: "viewer" });
  assert.equal(at("stack"), "acme");
  const config = at("config") as Record<string, Record<string, unknown>>;
  assert.deepEqual(Object.keys(config).toSorted(), ["odoosaas:platform", "odoosaas:tenant"]);
  const { subdomain, plan, hostId, port, adminEmail, language, customDomains, suspended } =
    config["odoosaas:tenant"] ?? {};
  assert.deepEqual(
    { subdomain, plan, hostId, port, adminEmail, language, customDomains, suspended },
    {
      subdomain: "acme",
      plan: "shared",
      hostId: 105,
      port: 8069,
      adminEmail: "admin@acme.example.com",
      language: "fr_FR",
      customDomains: ["erp.acme.example"],
      suspended: false,
    },
  );
});

test("a failed tenant says why and what to do", async (t) => {
  const api = await startTestApi(t);
  const retryAt = new Date("2026-03-02T10:05:00Z");
  api.tenants.rows.push(
    aTenant({ state: "stalled", stateReason: "name-taken", stateDetail: "tunnel acme-tunnel", attempts: 1, retryAt }),
  );
  const { at } = await api.call("GET", "/api/tenants/1");
  assert.match(String(at("tenant.next_step")), /press Retry/);
  assert.equal(at("tenant.guide"), "docs/operations/stalled-tenants.md#name-taken");
  assert.deepEqual(
    [at("tenant.state_detail"), at("tenant.retry_at")],
    ["tunnel acme-tunnel", "2026-03-02T10:05:00.000Z"],
  );
  api.tenants.rows[0] = aTenant({ state: "stalled", stateReason: "of-another-release" });
  assert.equal((await api.call("GET", "/api/tenants/1")).at("tenant.next_step"), null);
});
