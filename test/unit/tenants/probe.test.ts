import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { edgeProbe, pauseAfter } from "../../../automation/tenants/probe.ts";

const LOGIN = '<form><input type="text" name="login"/><input type="password" name="password"/></form>';
type Answers = Record<string, [number, string?]>;
const HEALTHY: Answers = {
  "/web/login": [200, LOGIN],
  "/web/database/manager": [403],
  "/longpolling/poll": [400],
  "/web/session/authenticate": [200, JSON.stringify({ result: { uid: 2, db: "acme" } })],
};
const request = {
  url: "http://acme.example.com:8080",
  subdomain: "acme",
  expect: "serving",
  liveRoute: "longpolling",
} as const;

const PROBLEMS: readonly [string, Answers, RegExp][] = [
  ["no connector", { "/web/login": [530, "error code: 1033"] }, /no connector \(error 1033\)/],
  ["no record", { "/web/login": [530, "<h1>Error 1016</h1>Ray ID: 1033"] }, /DNS record is missing.*\(error 1016\)/],
  ["another error of the edge's", { "/web/login": [530, "error code: 1000"] }, /its error 1000/],
  ["a login page that fails", { "/web/login": [502] }, /answers 502/],
  ["a page without a login form", { "/web/login": [200, "<h1>Create a database</h1>"] }, /no login form/],
  [
    "another's database",
    { "/web/login": [200, `${LOGIN}<input type="text" name="db" value="other"/>`] },
    /database other/,
  ],
  ["an open database manager", { "/web/database/manager": [200] }, /manager is open/],
  ["a bus that is down", { "/longpolling/poll": [502] }, /longpolling route answers 502/],
  [
    "a login into another's database",
    { "/web/session/authenticate": [200, '{"result":{"uid":2,"db":"other"}}'] },
    /"other"/,
  ],
  [
    "a refused administrator",
    { "/web/session/authenticate": [200, '{"error":{"data":{"name":"odoo.exceptions.AccessDenied"}}}'] },
    /refused.*AccessDenied/,
  ],
];

for (const [what, answers, problem] of PROBLEMS) {
  test(`${what} is told`, async (t) => {
    const probe = edgeProbe({ edgeAddress: await edge(t, { ...HEALTHY, ...answers }), deadlineMs: 0 });
    assert.match((await probe({ ...request, login: { login: "a", password: "b" } })) ?? "", problem);
  });
}

test("a tenant that serves its own login page, closed manager and live route passes", async (t) => {
  const probe = edgeProbe({ edgeAddress: await edge(t, HEALTHY), deadlineMs: 0 });
  assert.equal(await probe({ ...request, login: { login: "a", password: "b" } }), undefined);
});

test("looks are quick while most tenants come up, then ever slower: what never answers is not flooded", () => {
  const looks: number[] = [];
  for (let at = 0; at < 90_000; at += pauseAfter(at)) looks.push(at);
  assert.equal(looks.filter((at) => at < 1_000).length, 20);
  assert.ok(looks.length < 160, String(looks.length));
  assert.equal(pauseAfter(89_000), 1_000);
});

test("a suspended tenant passes when visitors get 503, and only then", async (t) => {
  const suspended = edgeProbe({ edgeAddress: await edge(t, { "/web/login": [503] }), deadlineMs: 0 });
  assert.equal(await suspended({ ...request, expect: "suspended" }), undefined);
  const running = edgeProbe({ edgeAddress: await edge(t, HEALTHY), deadlineMs: 0 });
  assert.match((await running({ ...request, expect: "suspended" })) ?? "", /200 instead/);
});

test("it looks again until the tenant is there", async (t) => {
  let asked = 0;
  const address = await serve(t, (req, res) => {
    const [status, body] = (asked += 1) < 4 ? [530, "error code: 1033"] : (HEALTHY[req.url ?? ""] ?? [404]);
    res.writeHead(status).end(body);
  });
  assert.equal(await edgeProbe({ edgeAddress: address, deadlineMs: 5_000 })(request), undefined);
});

test("the edge is asked by the tenant's public name, and a WebSocket is really opened", async (t) => {
  const hosts = new Set<string | undefined>();
  const server = createServer((req, res) => {
    hosts.add(req.headers.host);
    const [status, body] = HEALTHY[req.url ?? ""] ?? [404];
    res.writeHead(status).end(body);
  });
  let upgrades = 0;
  server.on("upgrade", (req, socket) => {
    upgrades += 1;
    assert.equal(req.url, "/websocket");
    socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  });
  const probe = edgeProbe({ edgeAddress: await listening(t, server), deadlineMs: 0 });
  assert.equal(await probe({ ...request, liveRoute: "websocket" }), undefined);
  assert.deepEqual([...hosts, upgrades], ["acme.example.com:8080", 1]);
});

test("an edge that does not answer is a problem, not a crash", async () => {
  assert.match((await edgeProbe({ edgeAddress: "127.0.0.1:1", deadlineMs: 0 })(request)) ?? "", /does not answer/);
});

async function edge(t: TestContext, answers: Answers): Promise<string> {
  return serve(t, (req, res) => {
    const [status, body] = answers[req.url ?? ""] ?? [404];
    res.writeHead(status).end(body);
  });
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  return listening(t, createServer(listener));
}

async function listening(t: TestContext, server: ReturnType<typeof createServer>): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
