import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { test } from "node:test";
import express from "express";
import { ApiError } from "../../../automation/api/problem.ts";
import { CANARY, SETTINGS, startTestApi } from "./fixture.ts";

test("what is not there, not allowed or not known is told as a problem", async (t) => {
  const api = await startTestApi(t);
  const nothing = await api.call("GET", "/api/nothing", { undocumented: true });
  assert.deepEqual(
    [nothing.status, nothing.at("type"), nothing.headers.get("content-type")],
    [404, "/problems/NotFound", "application/problem+json; charset=utf-8"],
  );
  const put = await api.call("PUT", "/api/tenants", { undocumented: true, body: {} });
  assert.deepEqual([put.status, put.headers.get("allow")], [405, "HEAD, GET, POST"]);
  const options = await api.call("OPTIONS", "/api/tenants/1", { undocumented: true });
  assert.deepEqual([options.status, options.headers.get("allow")], [204, "HEAD, GET, PATCH, DELETE"]);
  const search = await api.call("SEARCH", "/api/search", { undocumented: true });
  assert.equal(search.status, 501);
  assert.equal((await api.call("GET", "/api/tenants/%E0%A4%A", { undocumented: true })).status, 400);
});

test("a body that is too large, broken or of another type is refused as such", async (t) => {
  const api = await startTestApi(t);
  const large = await api.call("POST", "/api/tenants", { body: { subdomain: "a".repeat(110_000) } });
  assert.deepEqual([large.status, large.at("type")], [413, "/problems/BodyTooLarge"]);
  const broken = await api.call("POST", "/api/tenants", { body: '{"subdomain": ' });
  assert.deepEqual([broken.status, broken.at("detail")], [400, "The body is not valid JSON."]);
  const form = await api.call("POST", "/api/tenants", {
    body: "subdomain=acme",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  assert.equal(form.status, 415);
  const latin = await api.call("POST", "/api/tenants", {
    body: "{}",
    headers: { "content-type": "application/json; charset=latin1" },
  });
  assert.equal(latin.status, 415);
  assert.equal((await api.call("POST", "/api/tenants", {})).status, 422);
});

test("what the database could not hold or compare with is named, not a failure of the server", async (t) => {
  const api = await startTestApi(t);
  for (const path of [
    "/api/tenants?search=a%00b",
    "/api/tenants?container_id=2147483648",
    "/api/audit?actor=%00",
    "/api/events?type=%00",
    "/api/tasks?kind=%00",
    "/api/operations/1/events?after=2147483648",
  ]) {
    const { status, at } = await api.call("GET", path);
    assert.deepEqual([status, at("errors.*.field")], [400, [/\?(\w+)=/.exec(path)?.[1]]], path);
  }
  const tenant = { subdomain: "acme", plan_type: "shared" };
  for (const text of ["a\0b", "half of a pair: \ud83d"]) {
    const { status, at } = await api.call("POST", "/api/tenants", { body: { ...tenant, company_name: text } });
    assert.deepEqual([status, at("field")], [422, "company_name"], JSON.stringify(text));
  }
  const whole = { ...tenant, company_name: "Grüße & 企業 😀" };
  assert.equal((await api.call("POST", "/api/tenants", { body: whole })).status, 202);
});

test("a parameter that a route does not have is named, also where it has none", async (t) => {
  const api = await startTestApi(t);
  for (const path of ["/api/tenants?stat=failed", "/api/plans?limit=1", "/api/queue?limit=1"]) {
    const { status, at } = await api.call("GET", path);
    assert.deepEqual([status, at("field")], [400, /\?(\w+)=/.exec(path)?.[1]], path);
  }
});

test("an unknown error is answered by an id that finds it in the log, and by nothing of its text", async (t) => {
  const api = await startTestApi(t);
  api.tenants.failWith = Object.assign(new Error(`relation broken ${CANARY}-text`), {
    query: `${CANARY}-luggage`,
    code: "XX000",
  });
  const { status, body, at, headers } = await api.call("POST", "/api/tenants", {
    body: { subdomain: "acme", plan_type: "shared" },
    headers: { "x-request-id": "from-the-caller.1" },
  });
  assert.equal(status, 500);
  assert.equal(at("request_id"), "from-the-caller.1");
  assert.equal(headers.get("x-request-id"), "from-the-caller.1");
  assert(!JSON.stringify(body).includes(CANARY));
  const line =
    api
      .log()
      .split("\n")
      .find((text) => text.includes("request failed")) ?? "";
  assert(line.includes("from-the-caller.1") && line.includes(`${CANARY}-text`), line);
  assert(!line.includes(`${CANARY}-luggage`), "what a library hangs on its errors stays out of the log");
});

test("a database that is down is a 503 that asks to come back", async (t) => {
  const api = await startTestApi(t);
  api.tenants.failWith = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:5432"), { code: "ECONNREFUSED" });
  const { status, headers } = await api.call("POST", "/api/tenants", {
    body: { subdomain: "acme", plan_type: "shared" },
  });
  assert.deepEqual([status, headers.get("retry-after")], [503, "5"]);
});

test("an answer that takes too long ends as 503", async (t) => {
  const api = await startTestApi(t, { settings: { ...SETTINGS, requestTimeout: 0.2 } });
  api.tenants.list = () => new Promise(() => {});
  const { status, at } = await api.call("GET", "/api/tenants");
  assert.deepEqual([status, at("type")], [503, "/problems/Timeout"]);
});

test("a request id that could forge a log line is replaced", async (t) => {
  const api = await startTestApi(t);
  const { headers } = await api.call("GET", "/healthz", { headers: { "x-request-id": 'x" level="error' } });
  assert.match(headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
});

test("no secret reaches a log line, an answer or a problem", async (t) => {
  const webhook = express.Router().post("/webhook/stripe", () => {
    throw new ApiError(400, "InvalidSignature", "Invalid signature", "The signature does not fit.");
  });
  const api = await startTestApi(t, { webhook });
  const secret = {
    authorization: `Bearer ${CANARY}-token`,
    cookie: `session=${CANARY}-cookie`,
    "stripe-signature": `${CANARY}-signature`,
  };
  await api.call("POST", "/api/tenants", { body: { subdomain: "acme", plan_type: "shared" } });
  const answers = [
    await api.call("GET", "/api/tenants", { token: null, headers: secret }),
    await api.call("GET", `/api/tenants?search=x&password=${CANARY}-query`, {}),
    await api.call("POST", "/webhook/stripe", { token: null, headers: secret, body: { secret: `${CANARY}-body` } }),
    await api.call("GET", "/api/tenants/1/config"),
    await api.call("GET", "/api/plans"),
    await api.call("GET", "/openapi.json"),
    await api.call("GET", "/readyz"),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [401, 400, 400, 200, 200, 200, 200],
  );
  const shown = answers.map(({ body }) => JSON.stringify(body)).join("\n");
  assert(!shown.includes(CANARY), shown.slice(shown.indexOf(CANARY) - 200, shown.indexOf(CANARY) + 50));
  assert(api.log().includes('"GET /api/tenants 401"'), "requests are logged");
  assert(!api.log().includes(CANARY), "and nothing secret with them");
});

test("pages of listed origins may call the API, others get no word", async (t) => {
  const api = await startTestApi(t);
  const preflight = { "access-control-request-method": "POST", "access-control-request-headers": "authorization" };
  const ours = await api.call("OPTIONS", "/api/tenants", {
    undocumented: true,
    token: null,
    headers: { origin: "https://panel.example.com", ...preflight },
  });
  assert.deepEqual([ours.status, ours.headers.get("access-control-allow-origin")], [204, "https://panel.example.com"]);
  assert.match(ours.headers.get("access-control-allow-headers") ?? "", /Idempotency-Key/);
  const theirs = await api.call("OPTIONS", "/api/tenants", {
    undocumented: true,
    token: null,
    headers: { origin: "https://evil.example", ...preflight },
  });
  assert.equal(theirs.headers.get("access-control-allow-origin"), null);
  const read = await api.call("GET", "/api/tenants", { headers: { origin: "https://evil.example" } });
  assert.equal(read.headers.get("access-control-allow-origin"), null);
  assert.equal(
    (await api.call("GET", "/api/tenants", { headers: { origin: "https://panel.example.com" } })).headers.get("vary"),
    "Origin",
  );
});

test("answers carry the headers that keep browsers safe, and are kept by no cache", async (t) => {
  const api = await startTestApi(t);
  const { headers } = await api.call("GET", "/api/tenants");
  assert.equal(headers.get("cache-control"), "no-store");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.match(headers.get("content-security-policy") ?? "", /default-src 'self'/);
  assert.equal(headers.get("x-powered-by"), null);
});

test("the reference page needs nothing from another server", async (t) => {
  const api = await startTestApi(t);
  const page = await fetch(`${api.url}/docs`);
  assert.equal(page.status, 200);
  const html = await page.text();
  const assets = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? "");
  assert(assets.length >= 4);
  for (const asset of assets) {
    assert.match(asset, /^\/[a-z]/, "from this server");
    assert.equal((await fetch(`${api.url}${asset}`)).status, 200, asset);
  }
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.match(policy, /script-src 'self'(;|$)/);
  assert.doesNotMatch(
    html,
    /<script(?![^>]*src=)|<style|style="|onload=/,
    "nothing inline, which the policy would stop",
  );
  assert.equal((await fetch(`${api.url}/docs/assets/../../package.json`)).status, 404);
  assert.equal((await fetch(`${api.url}/docs/assets/%2e%2e/package.json`)).status, 404);
});

test("whoever opens the server's bare address in a browser gets to the reference", async (t) => {
  const api = await startTestApi(t);
  const { status, headers } = await fetch(`${api.url}/`, { redirect: "manual" });
  assert.deepEqual([status, headers.get("location")], [302, "/docs"]);
});

test("failed webhook deliveries of one address are slowed down; good ones are taken all the while", async (t) => {
  const webhook = express.Router().post("/webhook/stripe", (req, res) => {
    const status = Number(req.query["status"]);
    if (status !== 200) throw new ApiError(status, "InvalidSignature", "Invalid signature", "not signed");
    res.json({ received: true });
  });
  const api = await startTestApi(t, { webhook });
  const deliver = async (status: number, times: number): Promise<Set<number>> => {
    const send = (): Promise<Response> => fetch(`${api.url}/webhook/stripe?status=${status}`, { method: "POST" });
    return new Set((await Promise.all(Array.from({ length: times }, send))).map((response) => response.status));
  };
  assert.deepEqual(await deliver(503, 100), new Set([503]), "our own failures are not Stripe's");
  assert.deepEqual(await deliver(400, 60), new Set([400]));
  assert.deepEqual(await deliver(400, 10), new Set([429]));
  assert.deepEqual(await deliver(200, 150), new Set([200]), "a forger does not shut Stripe out");
  const { headers } = await fetch(`${api.url}/webhook/stripe?status=400`, { method: "POST" });
  assert(Number(headers.get("retry-after")) > 0);
});

test("the caller's address is taken from a proxy only when one is declared", async (t) => {
  const forged = { "x-forwarded-for": "203.0.113.9" };
  const plain = await startTestApi(t);
  await plain.call("POST", "/api/tenants", { body: { subdomain: "acme", plan_type: "shared" }, headers: forged });
  assert.equal(plain.tenants.calls[0]?.by.source, "127.0.0.1");
  const proxied = await startTestApi(t, { settings: { ...SETTINGS, trustProxy: 1 } });
  await proxied.call("POST", "/api/tenants", { body: { subdomain: "acme", plan_type: "shared" }, headers: forged });
  assert.equal(proxied.tenants.calls[0]?.by.source, "203.0.113.9");
});

test("a client that leaves ends its waiting request", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: { subdomain: "acme", plan_type: "shared" } });
  const waiting = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const wait = api.tenants.waitForOperation.bind(api.tenants);
  api.tenants.waitForOperation = (id, ms, signal) => {
    signal?.addEventListener("abort", () => gone.resolve(), { once: true });
    waiting.resolve();
    return wait(id, ms, signal);
  };
  const headers = { authorization: `Bearer ${await api.token()}`, prefer: "wait=5" };
  const asked = httpRequest(`${api.url}/api/operations/1`, { headers }).on("error", () => {});
  asked.end();
  await waiting.promise;
  asked.destroy();
  await gone.promise;
});
