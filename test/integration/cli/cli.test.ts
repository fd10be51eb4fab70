import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { Caller } from "../../../automation/api/auth/caller.ts";
import { tokenVerifier } from "../../../automation/api/auth/tokens.ts";
import { recordAudit } from "../../../automation/audit/record.ts";
import { ApiClient } from "../../../automation/cli/api-client.ts";
import { yaml } from "../../../automation/cli/terminal.ts";
import { derivePassword } from "../../../components/tenant/secrets.ts";
import { until } from "../../until.ts";
import { PLATFORM, SECRET, startTestApi, type TestApi } from "../api/fixture.ts";
import { against, run } from "./run.ts";

async function withAcme(api: TestApi): Promise<void> {
  api.tenants.endWith = "succeeded";
  await api.call("POST", "/api/tenants", {
    body: { subscription_id: "sub_1", subdomain: "acme", plan_type: "shared", container_id: 105 },
  });
}

test("tenants are listed and shown, to people and as JSON", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  await api.call("POST", "/api/tenants", { body: { subdomain: "beta", plan_type: "dedicated" } });
  const cli = against(api);
  const list = await cli("tenants", "list");
  assert.match(
    list.out,
    /^ID +SUBDOMAIN +STATE +PLAN +HOST +TUNNEL +URL\n1 +acme +active +shared +105 +active +https:\/\/acme\.example\.com\n2 +beta/,
  );
  assert.match(list.out, /2 tenants\n$/);
  assert.match((await cli("tenants", "list", "--search", "bet")).out, /1 tenant\n$/);
  const json = JSON.parse((await cli("tenants", "list", "--json")).out) as { subdomain: string }[];
  assert.deepEqual(
    json.map(({ subdomain }) => subdomain),
    ["acme", "beta"],
  );
  await api.database.query(`
    with tenant as (
      insert into tenant_deployments (container_id, subdomain, plan_type, customer_email)
      values (105, 'acme', 'shared', 'a@b.example') returning id)
    insert into operations (tenant_id, kind, generation, requested_by) select id, 'provision', 1, 'user:me' from tenant`);
  const shown = await cli("tenants", "show", "acme");
  assert.match(shown.out, /state +active\n/);
  assert.match(shown.out, /subscription +sub_1\n/);
  assert.match(shown.out, /\n\nID +KIND +STATUS +QUEUED +TOOK\n1 +provision +queued /, "and its last operations");
  assert.equal((await cli("tenants", "show", "1")).out, shown.out);
  assert.match((await cli("tenants", "show", "gamma")).error ?? "", /There is no tenant "gamma"/);
});

test("a change is followed to its end, with what happens on the way", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  api.tenants.endWith = undefined;
  const running = against(api)("tenants", "suspend", "acme", "--reason", "asked by phone");
  await until(
    "the operation",
    () => api.tenants.allOperations.length,
    (count) => count === 2,
    5_000,
  );
  const urn = (name: string): string => `urn:pulumi:acme::odoosaas::Config::${name}`;
  api.tenants.emit(2, "phase", { phase: "engine" });
  api.tenants.emit(2, "resource", { step: "begin", change: { urn: urn("acme-config"), op: "update" } });
  api.tenants.emit(2, "resource", { step: "end", change: { urn: urn("acme-config"), op: "update", seconds: 0.4 } });
  api.tenants.emit(2, "resource", { step: "end", change: { urn: urn("acme-record"), op: "same" } });
  api.tenants.emit(2, "diagnostic", { diagnostic: { severity: "warning", message: "slow host\n" } });
  api.tenants.finish(2, "succeeded", { changes: { update: 2 } });
  const { out, err, error } = await running;
  assert.equal(error, undefined);
  assert.match(err, /• engine\n {2}update acme-config \(0\.4 s\)\n {2}warning: slow host\n$/);
  assert.match(out, /kind +suspend\nstatus +succeeded\ntook +1\.5 s\nchanges +2 update\n/);
  assert.equal((await api.call("GET", "/api/tenants/1")).at("tenant.wanted_reason"), "operator: asked by phone");
});

test("a failed operation ends the command with its reason, one not waited for with how to watch it", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  const cli = against(api);
  api.tenants.endWith = "failed";
  assert.equal((await cli("tenants", "retry", "acme")).error, "operation 2 failed: host 105 does not answer");
  assert.equal((await cli("operations", "watch", "2")).error, "operation 2 failed: host 105 does not answer");
  api.tenants.endWith = undefined;
  assert.match((await cli("tenants", "resume", "acme", "--no-wait")).out, /operations watch 3\n$/);
  const asJson = JSON.parse((await cli("--json", "tenants", "plan", "acme", "dedicated", "--no-wait")).out) as {
    tenant: { plan_type: string };
  };
  assert.equal(asJson.tenant.plan_type, "dedicated");
});

test("a deletion asks first, and in a script only goes on when told so", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  const cli = against(api);
  if (!process.stdin.isTTY) assert.match((await cli("tenants", "delete", "acme")).error ?? "", /--yes/);
  const { out, error } = await cli("tenants", "delete", "acme", "--yes");
  assert.equal(error, undefined);
  assert.match(out, /kind +delete/);
});

test("all tenants of a reason are tried again with one command", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  const cli = against(api);
  await api.database.query(
    `insert into tenant_deployments (container_id, subdomain, plan_type, customer_email, state, state_reason)
     values (105, 'acme', 'shared', 'a@example.com', 'stalled', 'host-key-changed')`,
  );
  assert.equal((await cli("tenants", "retry", "--reason", "host-key-changed")).out, "1 queued\n");
  assert.equal((await cli("tenants", "retry", "--reason", "not-gone", "--json")).out, '{"queued":0}\n');
  assert.equal(api.tenants.allOperations.length, 2);
  for (const args of [[], ["acme", "--reason", "not-gone"]])
    assert.match((await cli("tenants", "retry", ...args)).error ?? "", /Name one tenant, or a --reason/);
});

test("the first login is told, its password on standard output only", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  const password = derivePassword(PLATFORM.masterKey, "acme", "odoo-admin");
  const { out, err, error } = await against(api)("tenants", "password", "acme");
  assert.equal(error, undefined);
  assert.match(out, new RegExp(`login +admin@acme\\.example\\.com\npassword +${password}\n$`));
  assert.equal(err, "Good until the customer has changed it.\n");
});

test("a tenant's stack configuration is YAML that Pulumi reads", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  const { out } = await against(api)("tenants", "config", "acme");
  assert.match(
    out,
    /^config:\n {2}odoosaas:platform: "organization\/odoosaas\/prod"\n {2}odoosaas:tenant:\n {4}subdomain: "acme"\n/,
  );
  assert.equal(
    yaml({ a: [], b: {}, c: [1, { d: "x: #y" }], e: null }).trimStart(),
    'a: []\nb: {}\nc:\n  - 1\n  -\n    d: "x: #y"\ne: null',
  );
});

test("tunnels are listed, asked, restarted, and their logs followed", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  const cli = against(api);
  api.connectors.entries = [{ cursor: "s=1", at: new Date(0), priority: 6, message: "Registered tunnel connection" }];
  assert.match((await cli("tunnels", "list")).out, /acme-tunnel +active +105/);
  assert.match((await cli("tunnels", "status", "acme-tunnel")).out, /status +running\n/);
  assert.match((await cli("tunnels", "restart", "acme-tunnel")).out, /connections +4/);
  assert.equal(
    (await cli("tunnels", "logs", "acme-tunnel", "--lines", "5")).out,
    "1970-01-01T00:00:00.000Z  Registered tunnel connection\n",
  );
  const following = cli("tunnels", "logs", "acme-tunnel", "--follow");
  await until(
    "the log to be followed",
    () => api.connectors.following,
    (open) => open === 1,
    5_000,
  );
  api.shutdown.abort();
  assert.match((await following).out, /Registered/);
});

test("the audit log tells who did what to a tenant, the newest first", async (t) => {
  const api = await startTestApi(t);
  const cli = against(api);
  for (const [actor, action, subjectId] of [
    ["stripe", "tenant.request", "1"],
    ["user:ada", "tenant.suspend", "1"],
    ["user:ada", "tenant.suspend", "2"],
  ] as const)
    await api.database.transaction((tx) => recordAudit(tx, { actor, action, subjectType: "tenant", subjectId }));
  const { out } = await cli("audit", "list", "--tenant", "1");
  assert.match(out, /^LINE +AT +BY +FROM +ACTION +OF\n2 .* user:ada +tenant\.suspend +tenant 1\n1 .* stripe [^]*$/);
  assert.doesNotMatch((await cli("audit", "list", "--actor", "stripe")).out, /ada/);
});

test("a log that is followed outlives the token that it was asked for with, and goes on where it was", async (t) => {
  let ms = 300_000;
  const verify = async (): Promise<Caller> => ({
    subject: "ada",
    role: "operator",
    expiresAt: new Date(Date.now() + ms),
  });
  const api = await startTestApi(t, { verify });
  await withAcme(api);
  api.connectors.entries = [{ cursor: "s=1;i=2", at: new Date(0), priority: 6, message: "Registered" }];
  ms = 500;
  const leaving = new AbortController();
  const events: string[] = [];
  const following = (async () => {
    const client = new ApiClient({ url: api.url, token: () => api.token("operator") });
    for await (const { event } of client.follow("/api/tunnels/acme-tunnel/logs", leaving.signal)) events.push(event);
  })();
  await until(
    "the log to be asked for again",
    () => api.connectors.asked.at(-1)?.cursor,
    (cursor) => cursor === "s=1;i=2",
    10_000,
  );
  leaving.abort();
  await assert.rejects(following, { name: "AbortError" });
  assert.ok(!events.includes("expired"));
});

test("the audit log is checked through the server, and past it", async (t) => {
  const api = await startTestApi(t);
  const cli = against(api);
  await api.database.transaction((tx) =>
    recordAudit(tx, { actor: "stripe", action: "tenant.request", subjectType: "tenant", subjectId: "1" }),
  );
  const good = await cli("audit", "verify");
  const head = /Head, to be noted elsewhere: (1:[0-9a-f]{64})/.exec(good.out)?.[1] ?? "";
  assert.notEqual(head, "");
  const direct = await run({ DATABASE_URL: api.database.url }, "audit", "verify", "--direct", "--head", head);
  assert.deepEqual([direct.error, direct.out], [undefined, good.out]);
  await api.database.query("alter table audit_log disable trigger user");
  await api.database.query("update audit_log set actor = 'nobody'");
  for (const args of [[], ["--direct"]]) {
    const broken = await run(
      { API_URL: api.url, JWT_SECRET: SECRET, DATABASE_URL: api.database.url },
      "audit",
      "verify",
      ...args,
    );
    assert.equal(broken.error, "line 1 was changed; the 0 before it are good");
  }
  assert.match((await cli("audit", "verify", "--head", "x")).error ?? "", /must be <line>:<hash>/);
});

test("a token is made by the first secret, for a role and a time", async () => {
  const made = await run(
    { JWT_SECRET: `${SECRET},an-older-secret-of-at-least-32-characters` },
    "token",
    "create",
    "--role",
    "operator",
    "--sub",
    "ada",
    "--expires",
    "15m",
  );
  assert.partialDeepStrictEqual(await tokenVerifier({ secrets: [SECRET] })(made.out.trim()), {
    subject: "ada",
    role: "operator",
  });
  assert.match((await run({}, "token", "create", "--role", "admin", "--sub", "x")).error ?? "", /set JWT_SECRET/);
  assert.match(
    (await run({ JWT_SECRET: "short" }, "token", "create", "--role", "admin", "--sub", "x")).error ?? "",
    /32 characters/,
  );
  assert.match(
    (await run({ JWT_SECRET: SECRET }, "token", "create", "--role", "admin", "--sub", "x", "--expires", "soon"))
      .error ?? "",
    /no time span/,
  );
});

test("what the server refuses is told in its words, and what it needs is told without it", async (t) => {
  const api = await startTestApi(t);
  assert.match(
    (await run({ API_URL: api.url, API_TOKEN: await api.token("viewer") }, "audit", "verify")).error ?? "",
    /^This needs the role admin; the token has viewer\.\n +Use a token/,
  );
  assert.match((await run({ API_URL: api.url }, "tenants", "list")).error ?? "", /There is no token/);
  assert.match(
    (await run({ API_URL: "http://127.0.0.1:47", API_TOKEN: "x" }, "tenants", "list")).error ?? "",
    /does not answer \(ECONNREFUSED\)/,
  );
  assert.match((await run({ API_URL: "localhost:4443", API_TOKEN: "x" }, "tenants", "list")).error ?? "", /is no URL/);
});

test("address and token may stand in a file that nobody else can read", async (t) => {
  const api = await startTestApi(t);
  const directory = await mkdtemp(join(tmpdir(), "odoosaas-cli-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, "cli.env");
  await writeFile(file, `API_URL=${api.url}\nAPI_TOKEN=${await api.token("viewer")}\n`, { mode: 0o600 });
  assert.equal((await run({ ODOO_TENANTS_CLI: file }, "tenants", "list")).error, undefined);
  await chmod(file, 0o644);
  assert.match((await run({ ODOO_TENANTS_CLI: file }, "tenants", "list")).error ?? "", /chmod 600/);
  assert.match((await run({ ODOO_TENANTS_CLI: join(directory, "none") }, "tenants", "list")).error ?? "", /ENOENT/);
});

test("as a program it ends with code 1 and one line, without a stack trace", async () => {
  const program = new URL("../../../automation/cli.ts", import.meta.url).pathname;
  const ended = await promisify(execFile)(process.execPath, [program, "tenants", "list"], {
    env: { HOME: "/nonexistent", API_URL: "http://127.0.0.1:47", API_TOKEN: "x" },
  }).then(
    () => undefined,
    (error: unknown) => error as { code: number; stderr: string; stdout: string },
  );
  assert.deepEqual([ended?.code, ended?.stdout], [1, ""]);
  assert.match(ended?.stderr ?? "", /^error: http:\/\/127\.0\.0\.1:47 does not answer[^\n]*\n$/);
});
