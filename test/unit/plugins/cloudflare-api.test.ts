import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ApiError, CloudflareApi } from "../../../sandbox/plugins/cloudflare/api.ts";
import { apiSettings, cloudflareProvider } from "../../../sandbox/plugins/cloudflare/provider.ts";
import { httpFake, type Reply, type SeenRequest } from "./http-fake.ts";

const never = new AbortController().signal;

async function api(
  t: TestContext,
  replies: readonly Reply[],
): Promise<{ api: CloudflareApi; seen: SeenRequest[]; pauses: number[] }> {
  const { baseUrl, seen } = await httpFake(t, replies);
  const pauses: number[] = [];
  const pause = async (ms: number): Promise<void> => void pauses.push(ms);
  return { api: new CloudflareApi({ baseUrl, headers: { authorization: "Bearer t" }, pause }), seen, pauses };
}

for (const status of [408, 409, 429, 500, 503])
  test(`an answer of ${status} is asked for again, the creation included`, async (t) => {
    const { api: client, seen, pauses } = await api(t, [{ status }, { status }, { result: { id: "1" } }]);
    assert.deepEqual(await client.call("POST", "zones", never, { name: "z" }), { id: "1" });
    assert.deepEqual(
      seen.map(({ line }) => line),
      ["POST /client/v4/zones", "POST /client/v4/zones", "POST /client/v4/zones"],
    );
    assert.deepEqual(
      seen.map(({ headers }) => headers["x-stainless-retry-count"]),
      ["0", "1", "2"],
    );
    assert.deepEqual(
      seen.map(({ body }) => body),
      [{ name: "z" }, { name: "z" }, { name: "z" }],
    );
    assert.ok(pauses[0] !== undefined && pauses[0] <= 2_000 && pauses[0] >= 1_500, `first pause: ${pauses[0]}`);
    assert.ok(pauses[1] !== undefined && pauses[1] <= 4_000 && pauses[1] >= 3_000, `second pause: ${pauses[1]}`);
  });

test("after ten repetitions the error is told, with pauses of 30 s at most", async (t) => {
  const body = JSON.stringify({ success: false, errors: [{ code: 1013, message: "name taken" }], result: null });
  const { api: client, seen, pauses } = await api(t, [{ status: 409, body }]);
  await assert.rejects(client.call("POST", "zones", never, {}), /409 Conflict .*"code":1013/);
  assert.equal(seen.length, 11);
  assert.ok(Math.max(...pauses) <= 30_000);
  assert.ok(pauses.reduce((sum, each) => sum + each, 0) > 120_000, "a name clash takes minutes to surface");
});

test("a dropped connection is tried again", async (t) => {
  const { api: client, seen } = await api(t, ["drop", { result: "token" }]);
  assert.equal(await client.call("GET", "x", never), "token");
  assert.equal(seen.length, 2);
});

test("the server's own wish about repetition counts more than the status", async (t) => {
  const asked = await api(t, [{ status: 400, headers: { "x-should-retry": "true" } }, { result: 1 }]);
  assert.equal(await asked.api.call("GET", "x", never), 1);
  const declined = await api(t, [{ status: 409, headers: { "x-should-retry": "false" } }]);
  await assert.rejects(declined.api.call("GET", "x", never), ApiError);
  assert.equal(declined.seen.length, 1);
});

test("other refusals are final", async (t) => {
  const { api: client, seen } = await api(t, [{ status: 403, body: '{"errors":[{"code":10000}]}' }]);
  await assert.rejects(
    client.call("GET", "x", never),
    /GET "http:.*\/client\/v4\/x": 403 Forbidden \{"errors":\[\{"code":10000\}\]\}/,
  );
  assert.equal(seen.length, 1);
});

const waits: [Record<string, string>, number][] = [
  [{ "retry-after-ms": "15" }, 15],
  [{ "retry-after": "3" }, 3_000],
  [{ "retry-after": "300" }, 300_000],
  [{ "retry-after-ms": "7", "retry-after": "3" }, 7],
];
for (const [headers, expected] of waits)
  test(`a wait of ${JSON.stringify(headers)} is kept to the millisecond`, async (t) => {
    const { api: client, pauses } = await api(t, [{ status: 429, headers }, { result: null }]);
    await client.call("GET", "x", never);
    assert.deepEqual(pauses, [expected]);
  });

test("a wait until a date is kept", async (t) => {
  const date = new Date(Date.now() + 60_000).toUTCString();
  const { api: client, pauses } = await api(t, [{ status: 429, headers: { "retry-after": date } }, { result: null }]);
  await client.call("GET", "x", never);
  assert.ok(pauses[0] !== undefined && pauses[0] > 50_000 && pauses[0] <= 60_000, `waited ${pauses[0]}`);
});

test("a cancellation ends a request that gets no answer, and a pause", async (t) => {
  const { baseUrl } = await httpFake(t, ["never"]);
  await assert.rejects(new CloudflareApi({ baseUrl, headers: {} }).call("GET", "x", AbortSignal.timeout(20)));
  const { baseUrl: busy } = await httpFake(t, [{ status: 503 }]);
  await assert.rejects(new CloudflareApi({ baseUrl: busy, headers: {} }).call("GET", "x", AbortSignal.timeout(50)));
});

test("the base URL gets a slash, and the credentials the form that Cloudflare wants", () => {
  const token = "x".repeat(40);
  assert.deepEqual(
    apiSettings({ baseUrl: "http://h:1/client/v4", apiToken: token }, {}).baseUrl,
    "http://h:1/client/v4/",
  );
  assert.equal(apiSettings({}, { CLOUDFLARE_API_TOKEN: token }).headers["authorization"], `Bearer ${token}`);
  assert.equal(
    apiSettings({ apiToken: "given" }, { CLOUDFLARE_API_TOKEN: token }).headers["authorization"],
    "Bearer given",
  );
  const byKey = apiSettings({ apiKey: "k", email: "e" }, {}).headers;
  assert.deepEqual([byKey["x-auth-key"], byKey["x-auth-email"]], ["k", "e"]);
  assert.throws(() => apiSettings({ apiKey: "k" }, {}), /must provide one of "apiToken"/);
});

test("an API token of another form is refused before anything is called", () => {
  const { checkConfig } = cloudflareProvider();
  assert.deepEqual(checkConfig({ apiToken: "x".repeat(40) }), []);
  assert.deepEqual(
    checkConfig({ apiToken: "short" }).map(({ path }) => path),
    ["apiToken"],
  );
});
