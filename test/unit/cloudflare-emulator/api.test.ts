import assert from "node:assert/strict";
import { test } from "node:test";
import type { Permission } from "../../../sandbox/cloudflare/config.ts";
import { ACCOUNT, call, startAccount, TOKEN, ZONE } from "./account.ts";

const tunnels = `/accounts/${ACCOUNT}/cfd_tunnel`;

test("what is not emulated is answered by 501, naming it", async (t) => {
  const account = await startAccount(t);
  for (const [method, path] of [
    ["GET", `/accounts/${ACCOUNT}/workers/scripts`],
    ["POST", `/zones/${ZONE}/dns_records/batch`],
    ["GET", `${tunnels}?was_active_at=2026-01-01T00:00:00Z`],
    ["GET", `/zones/${ZONE}/settings/rocket_loader`],
  ] as const) {
    const answer = await call(account, method, path);
    assert.equal(answer.status, 501, path);
    assert.ok(answer.errors[0]?.message.includes(`${method} `), path);
    assert.equal(answer.success, false);
  }
});

test("each route asks for its permission and is satisfied by no other", async (t) => {
  const uuid = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";
  const routes: [string, string, Permission][] = [
    ["GET", tunnels, "tunnel:read"],
    ["POST", tunnels, "tunnel:edit"],
    ["GET", `${tunnels}/${uuid}`, "tunnel:read"],
    ["PATCH", `${tunnels}/${uuid}`, "tunnel:edit"],
    ["DELETE", `${tunnels}/${uuid}`, "tunnel:edit"],
    ["GET", `${tunnels}/${uuid}/token`, "tunnel:edit"],
    ["GET", `${tunnels}/${uuid}/connections`, "tunnel:read"],
    ["DELETE", `${tunnels}/${uuid}/connections`, "tunnel:edit"],
    ["GET", `${tunnels}/${uuid}/configurations`, "tunnel:read"],
    ["PUT", `${tunnels}/${uuid}/configurations`, "tunnel:edit"],
    ["GET", "/zones", "zone:read"],
    ["POST", "/zones", "zone:edit"],
    ["GET", `/zones/${ZONE}/dns_records`, "dns:read"],
    ["POST", `/zones/${ZONE}/dns_records`, "dns:edit"],
    ["GET", `/zones/${ZONE}/settings/ssl`, "zone-settings:read"],
    ["PATCH", `/zones/${ZONE}/settings/ssl`, "zone-settings:edit"],
  ];
  const all: Permission[] = [
    "tunnel:read",
    "tunnel:edit",
    "dns:read",
    "dns:edit",
    "zone:read",
    "zone:edit",
    "zone-settings:read",
    "zone-settings:edit",
  ];
  const tokenOf = (permission: Permission) => `token-for-${permission.replace(":", "-")}`.padEnd(40, "-");
  const account = await startAccount(t, {
    tokens: all.map((permission) => ({ token: tokenOf(permission), permissions: [permission] })),
  });
  for (const [method, path, needed] of routes)
    for (const permission of all) {
      const answer = await call(account, method, path, method === "GET" ? undefined : {}, tokenOf(permission));
      const enough = permission === needed || permission === needed.replace(":read", ":edit");
      const refused = answer.status === 403 && answer.code === 10_000;
      assert.equal(refused, !enough, `${method} ${path} with ${permission}: ${answer.status} ${answer.code}`);
    }
});

test("callers without valid credentials are told what is wrong with them", async (t) => {
  const account = await startAccount(t, { apiKeys: [{ email: "ops@example.com", key: "global-key" }] });
  const url = `http://127.0.0.1:${account.ports.api}/client/v4/zones`;
  const codeWith = async (headers: Record<string, string>) => {
    const response = await fetch(url, { headers });
    const { errors } = (await response.json()) as { errors: { code: number }[] };
    return [response.status, errors[0]?.code];
  };
  assert.deepEqual(await codeWith({}), [400, 9106]);
  assert.deepEqual(await codeWith({ authorization: "Bearer short" }), [400, 6003]);
  assert.deepEqual(await codeWith({ authorization: `Basic ${TOKEN}` }), [400, 6003]);
  assert.deepEqual(await codeWith({ authorization: `Bearer ${"x".repeat(40)}` }), [403, 9109]);
  assert.deepEqual(await codeWith({ "x-auth-email": "ops@example.com", "x-auth-key": "wrong" }), [403, 9103]);
  assert.deepEqual(await codeWith({ "x-auth-email": "ops@example.com" }), [400, 9106]);
  assert.deepEqual(await codeWith({ "x-auth-email": "ops@example.com", "x-auth-key": "global-key" }), [200, undefined]);
});

test("bad bodies are refused with the field at fault, and change nothing", async (t) => {
  const account = await startAccount(t);
  for (const body of [{}, { name: "" }, { name: 5 }, { name: "x", config_src: "elsewhere" }]) {
    const answer = await call(account, "POST", tunnels, body);
    assert.equal(answer.status, 400);
    assert.match(answer.errors[0]?.message ?? "", /name|config_src/);
  }
  const response = await fetch(`http://127.0.0.1:${account.ports.api}/client/v4${tunnels}`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: "{",
  });
  assert.equal(response.status, 400);
  assert.equal(account.world.tunnels.all().length, 0);
});

test("calls are counted by method and path without ids", async (t) => {
  const account = await startAccount(t);
  const made = await call(account, "POST", tunnels, { name: "acme" });
  const { id } = made.result as { id: string };
  await call(account, "GET", `${tunnels}/${id}`);
  await call(account, "GET", `${tunnels}/${id}?x=y`);
  const doors = `http://127.0.0.1:${account.ports.api}/__calls`;
  const counted = (await (await fetch(doors)).json()) as { result: unknown };
  assert.deepEqual(counted.result, { "GET /accounts/:id/cfd_tunnel/:id": 2, "POST /accounts/:id/cfd_tunnel": 1 });
  await fetch(doors, { method: "DELETE" });
  assert.deepEqual(account.calls.all(), {});
});
