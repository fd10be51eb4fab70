import assert from "node:assert/strict";
import { test } from "node:test";
import { PLATFORM, SETTINGS, startTestApi } from "./fixture.ts";

const ACME = { subdomain: "acme", plan_type: "shared" };
const keyed = (key: string): { headers: Record<string, string> } => ({ headers: { "idempotency-key": key } });

test("the same key and body get the first answer again, and nothing is done twice", async (t) => {
  const api = await startTestApi(t);
  const first = await api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") });
  const again = await api.call("POST", "/api/tenants", {
    body: { plan_type: "shared", subdomain: "acme" },
    ...keyed("k1"),
  });
  assert.deepEqual([again.status, again.body], [first.status, first.body]);
  assert.equal(again.headers.get("location"), first.headers.get("location"));
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  assert.equal(first.headers.get("idempotency-replayed"), null);
  assert.equal(api.tenants.calls.length, 1);
});

test("the same key with another body, path or method's target is 422", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") });
  const other = await api.call("POST", "/api/tenants", { body: { ...ACME, subdomain: "other" }, ...keyed("k1") });
  assert.deepEqual([other.status, other.at("type")], [422, "/problems/IdempotencyKeyReused"]);
  assert.equal((await api.call("POST", "/api/tenants/1/retry", keyed("k1"))).status, 422);
  assert.equal(api.tenants.calls.length, 1);
});

test("two callers may use the same key", async (t) => {
  const api = await startTestApi(t);
  assert.equal((await api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") })).status, 202);
  const other = await api.call("POST", "/api/tenants", {
    body: { ...ACME, subdomain: "other" },
    ...keyed("k1"),
    token: await api.token("operator", "somebody-else"),
  });
  assert.equal(other.status, 202);
});

test("a repeat while the first still runs is 409, and gets the answer later", async (t) => {
  const api = await startTestApi(t);
  const headers = { "idempotency-key": "k1", prefer: "wait=5" };
  const first = api.call("POST", "/api/tenants", { body: ACME, headers });
  while (api.tenants.allOperations.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const early = await api.call("POST", "/api/tenants", { body: ACME, headers });
  assert.deepEqual(
    [early.status, early.at("type"), early.headers.get("retry-after")],
    [409, "/problems/RequestInProgress", "1"],
  );
  api.tenants.finish(1, "succeeded");
  assert.equal((await first).status, 201);
  assert.equal((await api.call("POST", "/api/tenants", { body: ACME, headers })).status, 201);
});

test("of many at once under one key exactly one is carried out", async (t) => {
  const api = await startTestApi(t);
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") })),
  );
  assert.equal(api.tenants.calls.length, 1);
  for (const { status } of answers) assert([202, 409].includes(status));
  assert(answers.some(({ status }) => status === 202));
});

test("a refusal is kept as an answer, a failure of the server is not", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: ACME });
  const taken = await api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") });
  const again = await api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") });
  assert.deepEqual([again.status, again.body], [409, taken.body]);
  assert.match(again.headers.get("content-type") ?? "", /problem\+json/);

  api.tenants.failWith = new Error("no");
  assert.equal(
    (await api.call("POST", "/api/tenants", { body: { ...ACME, subdomain: "beta" }, ...keyed("k2") })).status,
    500,
  );
  api.tenants.failWith = undefined;
  assert.equal(
    (await api.call("POST", "/api/tenants", { body: { ...ACME, subdomain: "beta" }, ...keyed("k2") })).status,
    202,
  );
});

test("what became of an operation is an answer too: a repeat is told the same, not that its name is taken", async (t) => {
  const api = await startTestApi(t);
  api.tenants.endWith = "failed";
  const headers = { "idempotency-key": "k1", prefer: "wait=5" };
  const failed = await api.call("POST", "/api/tenants", { body: ACME, headers });
  assert.deepEqual([failed.status, failed.at("type")], [502, "/problems/OperationFailed"]);
  const again = await api.call("POST", "/api/tenants", { body: ACME, headers });
  assert.deepEqual([again.status, again.body], [502, failed.body]);
  assert.equal(api.tenants.calls.length, 1);
});

test("a request that was accepted but not answered goes on where it was, after a failure", async (t) => {
  let broken = false;
  const api = await startTestApi(t, {
    platform: () => {
      if (broken) throw new Error("the platform's stack cannot be read");
      return PLATFORM;
    },
  });
  const requested = api.tenants.request.bind(api.tenants);
  api.tenants.request = async (...given) => {
    const accepted = await requested(...given);
    broken = true;
    return accepted;
  };
  assert.equal((await api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") })).status, 500);
  broken = false;
  const again = await api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") });
  assert.deepEqual([again.status, again.at("tenant.id"), again.at("operation.id")], [202, 1, 1]);
  assert.equal(api.tenants.calls.length, 1);
  api.tenants.finish(1, "succeeded");
  const kept = await api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") });
  assert.deepEqual([kept.body, kept.headers.get("idempotency-replayed")], [again.body, "true"]);
});

test("a request that outlives its time does not begin what a repeat has taken over", async (t) => {
  const api = await startTestApi(t, { settings: { ...SETTINGS, requestTimeout: 0.2 } });
  const free = Promise.withResolvers<void>();
  const requested = api.tenants.request.bind(api.tenants);
  let late: Promise<unknown> | undefined;
  api.tenants.request = (...given) => {
    if (late !== undefined) return requested(...given);
    const waits = free.promise.then(() => requested(...given));
    late = waits.catch((error: unknown) => error);
    return waits;
  };
  const slow = await api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") });
  assert.deepEqual([slow.status, slow.at("type")], [503, "/problems/Timeout"]);
  free.resolve();
  assert.match(String(await late), /given up before it could be carried out/);
});

test("a request that died with its process goes on with what it had begun, once it is given up", async (t) => {
  const api = await startTestApi(t);
  const died = `
    insert into idempotency_keys (identity, key, request_hash, operation_id, created_at)
    select identity, $1, request_hash, operation_id, now() - make_interval(secs => $2) from idempotency_keys where key = 'k1'`;
  await api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") });
  await api.database.query(died, ["recent", 5]);
  await api.database.query(died, ["old", 60]);
  assert.equal((await api.call("POST", "/api/tenants", { body: ACME, ...keyed("recent") })).status, 409);
  const retried = await api.call("POST", "/api/tenants", { body: ACME, ...keyed("old") });
  assert.deepEqual([retried.status, retried.at("tenant.id"), retried.at("operation.id")], [202, 1, 1]);
});

test("a tunnel that was begun is told of again, not refused as its own", async (t) => {
  const api = await startTestApi(t);
  const body = { subscription_id: "sub_shop", container_id: 105, local_port: 8090, hostname: "shop.example.com" };
  const first = await api.call("POST", "/api/tunnels", { body, ...keyed("k1") });
  assert.equal(first.status, 202);
  await api.database.query("update idempotency_keys set status = null, created_at = now() - interval '60 seconds'");
  const again = await api.call("POST", "/api/tunnels", { body, ...keyed("k1") });
  assert.deepEqual([again.status, again.at("operation.id")], [202, first.at("operation.id")]);
  assert.equal((await api.database.query("select 1 from operations")).rowCount, 1);
});

test("a preview that was begun is told of again; no second one is made", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: ACME });
  const first = await api.call("POST", "/api/tenants/1/preview", keyed("k1"));
  assert.equal(first.status, 202);
  await api.database.query("update idempotency_keys set status = null, created_at = now() - interval '60 seconds'");
  const again = await api.call("POST", "/api/tenants/1/preview", keyed("k1"));
  assert.deepEqual([again.status, again.at("operation.id")], [202, first.at("operation.id")]);
  assert.equal(api.tenants.calls.filter(({ method }) => method === "preview").length, 1);
});

test("keys are forgotten after a day, and a key must be one word", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: ACME, ...keyed("k1") });
  await api.database.query("update idempotency_keys set created_at = now() - interval '25 hours'");
  await api.call("POST", "/api/tenants", { body: { ...ACME, subdomain: "beta" }, ...keyed("k2") });
  const { rows } = await api.database.query<{ key: string }>("select key from idempotency_keys");
  assert.deepEqual(
    rows.map(({ key }) => key),
    ["k2"],
  );
  for (const key of ["two words", "x".repeat(256)])
    assert.equal((await api.call("POST", "/api/tenants", { body: ACME, ...keyed(key) })).status, 400, key);
});
