import assert from "node:assert/strict";
import { test } from "node:test";
import { Faults } from "../../../sandbox/cloudflare/api/faults.ts";
import type { Cloudflare } from "../../../sandbox/cloudflare/server.ts";
import { ACCOUNT, call, startAccount } from "./account.ts";

const tunnels = `/accounts/${ACCOUNT}/cfd_tunnel`;
const drop = { kind: "drop" } as const;

test("a rule acts on what fits, after what it lets pass, for as often as it may", () => {
  const faults = new Faults();
  faults.add({ method: "POST", path: "/accounts/*/cfd_tunnel", skip: 1, times: 2, effect: drop });
  const hit = (method: string, path: string) => faults.take(method, path) !== undefined;
  assert.equal(hit("GET", "/accounts/a/cfd_tunnel"), false);
  assert.equal(hit("POST", "/accounts/a/cfd_tunnel/b"), false);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => hit("POST", "/accounts/a/cfd_tunnel")),
    [false, true, true, false],
  );
  assert.deepEqual(faults.all(), []);
});

test("two asterisks stand for any number of segments, and no path for all", () => {
  const faults = new Faults();
  faults.add({ path: "/zones/**", effect: drop });
  assert.ok(faults.take("GET", "/zones/a/dns_records/b"));
  assert.equal(faults.take("GET", "/accounts/a"), undefined);
  faults.remove();
  const id = faults.add({ effect: drop });
  assert.ok(faults.take("GET", "/accounts/a"));
  faults.remove(id);
  assert.equal(faults.take("GET", "/accounts/a"), undefined);
});

async function setFault(account: Cloudflare, rule: object) {
  const url = `http://127.0.0.1:${account.ports.api}/__faults`;
  return await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(rule),
  });
}

test("a status is answered before the call is handled, with or without Retry-After", async (t) => {
  const account = await startAccount(t);
  await setFault(account, { method: "POST", times: 1, effect: { kind: "status", status: 429, retryAfterSeconds: 7 } });
  await setFault(account, { method: "POST", times: 1, effect: { kind: "status", status: 503 } });
  const first = await call(account, "POST", tunnels, { name: "acme" });
  assert.deepEqual([first.status, first.headers.get("retry-after")], [429, "7"]);
  const second = await call(account, "POST", tunnels, { name: "acme" });
  assert.deepEqual([second.status, second.headers.get("retry-after")], [503, null]);
  assert.equal(account.world.tunnels.all().length, 0);
  assert.equal((await call(account, "POST", tunnels, { name: "acme" })).status, 200);
});

test("a dropped connection changes nothing, a lost response has changed it", async (t) => {
  const account = await startAccount(t);
  await setFault(account, { method: "POST", times: 1, effect: { kind: "drop" } });
  await assert.rejects(call(account, "POST", tunnels, { name: "acme" }), /fetch failed/);
  assert.equal(account.world.tunnels.all().length, 0);
  await setFault(account, { method: "POST", times: 1, effect: { kind: "lostResponse" } });
  await assert.rejects(call(account, "POST", tunnels, { name: "acme" }), /fetch failed/);
  assert.equal(account.world.tunnels.all().length, 1);
});

test("latency delays the answer, not other calls", async (t) => {
  const account = await startAccount(t);
  await setFault(account, { method: "POST", times: 1, effect: { kind: "latency", ms: 150 } });
  const order: string[] = [];
  await Promise.all([
    call(account, "POST", tunnels, { name: "slow" }).then(() => order.push("slow")),
    call(account, "GET", tunnels).then(() => order.push("quick")),
  ]);
  assert.deepEqual(order, ["quick", "slow"]);
});

test("a rule may be for what concerns one name only: in the body, in the query, or behind an id", async (t) => {
  const account = await startAccount(t);
  const { result } = await call(account, "POST", tunnels, { name: "acme" });
  const { id } = result as { id: string };
  await setFault(account, { about: "acme", effect: { kind: "status", status: 503 } });
  assert.equal((await call(account, "POST", tunnels, { name: "globex" })).status, 200);
  assert.equal((await call(account, "GET", `${tunnels}?name=globex`)).status, 200);
  assert.equal((await call(account, "POST", tunnels, { name: "acme-2" })).status, 503);
  assert.equal((await call(account, "GET", `${tunnels}?name=acme`)).status, 503);
  assert.equal((await call(account, "GET", `${tunnels}/${id}`)).status, 503);
});

test("the doors open to this machine only, and to no page in a browser", async (t) => {
  const account = await startAccount(t);
  const url = `http://127.0.0.1:${account.ports.api}/__faults`;
  assert.equal((await fetch(url)).status, 200);
  assert.equal((await fetch(url, { headers: { origin: "http://evil.example" } })).status, 403);
  assert.equal((await setFault(account, { effect: { kind: "nonsense" } })).status, 400);
});
