import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { derivePassword } from "../../../components/tenant/secrets.ts";
import { startWorld, type World } from "../world.ts";

// Two tenants of one host, and what one can do to the other.
let world: World;
before(async () => {
  world = await startWorld({ upTo: "platform" });
  for (const subdomain of ["acme", "rival"]) await (await world.stack({ subdomain })).up({ suppressProgress: true });
});
after(() => world?.close());

/** Runs SQL as a server action, the way a tenant's administrator can. Resolves with what PostgreSQL answered. */
async function asServerAction(subdomain: string, sql: string): Promise<string> {
  const session = await world.login(subdomain);
  const code = `env.cr.execute(${JSON.stringify(sql)})\nraise UserError("rows: %s" % (env.cr.fetchall() if env.cr.description else None))`;
  const [model] = (await world.callOdoo(subdomain, session, "ir.model", "search", [
    [["model", "=", "res.partner"]],
  ])) as number[];
  const values = { name: "hostile", model_id: model, state: "code", code };
  const action = await world.callOdoo(subdomain, session, "ir.actions.server", "create", [values]);
  try {
    await world.callOdoo(subdomain, session, "ir.actions.server", "run", [[action]]);
  } catch (error) {
    return (error as Error).message;
  }
  return assert.fail("the action ended without an answer");
}

test("SQL in a server action runs, and under the tenant's own role", async () => {
  assert.match(
    await asServerAction("rival", "select current_user, session_user, current_database()"),
    /\('tenant_rival', 'tenant_rival', 'rival'\)/,
  );
});

const hostile: Record<string, [string, RegExp]> = {
  "rename a neighbour's database": ["alter database acme rename to gone", /must be owner of database acme/],
  "lock a neighbour out": ["alter database acme allow_connections false", /must be owner of database acme/],
  "drop a neighbour's database": ["drop database acme", /must be owner|cannot run inside a transaction/],
  "become the host's role": ["set role odoo_h105", /permission denied to set role/],
  "become a neighbour": ["set role tenant_acme", /permission denied to set role/],
  "become the template's role": ["set role odoo_template_owner", /permission denied to set role/],
  "change a neighbour's password": ["alter role tenant_acme password 'x'", /permission denied/],
  "end a neighbour's sessions": [
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'acme'",
    /must be a member of the role|permission denied to terminate|rows: \[\]/,
  ],
  "watch a neighbour's statements": [
    "select count(*) from pg_stat_activity where datname = 'acme' and query <> '<insufficient privilege>'",
    /rows: \[\(0,\)\]/,
  ],
  "reach a neighbour by dblink": ["create extension dblink", /permission denied to create extension/],
  "read the server's files": ["select pg_read_file('/etc/passwd')", /permission denied for function pg_read_file/],
  "run a program on the server": ["copy res_partner to program 'id'", /must be superuser|permission denied to COPY/],
  "change the server's settings": [
    "alter system set work_mem = '1GB'",
    /permission denied|cannot run inside a transaction/,
  ],
  "make a database": ["create database more", /permission denied|cannot run inside a transaction/],
  "make a role": ["create role more", /permission denied to create role/],
};
for (const [what, [sql, refusal]] of Object.entries(hostile)) {
  test(`a tenant's SQL cannot ${what}`, async () => {
    // The neighbour is in use meanwhile.
    assert.equal((await world.visit("acme", "/web/login")).status, 200);
    assert.match(await asServerAction("rival", sql), refusal);
    await world.login("acme");
  });
}

test("a visitor cannot name a neighbour in a header or a parameter", async () => {
  await world.sql("update res_company set name = 'The neighbour' where id = 1", [], "acme");
  await world.sql("update res_partner set name = 'The neighbour' where id = 1", [], "acme");
  const host = `acme.${world.sandbox.instance.domain}`;
  const asked: [string, Record<string, string>][] = [
    ["/web/login", { "x-forwarded-host": host }],
    ["/web/login", { forwarded: `host=${host}` }],
    ["/web/login", { "x-odoo-dbfilter": "acme" }],
    ["/web/login", { "x-host": host }],
    ["/web/login?db=acme", {}],
  ];
  const own = (await world.visit("rival", "/web/login")).body;
  assert.ok(own.includes("csrf_token"));
  for (const [path, headers] of asked) {
    const page = await world.visit("rival", path, { headers });
    assert.ok(!page.body.includes("The neighbour"), `${path} ${JSON.stringify(headers)}`);
    const cookie = [page.headers["set-cookie"] ?? []]
      .flat()
      .map((line) => line.split(";")[0])
      .join("; ");
    const info = await world.visit("rival", "/web/webclient/version_info", {
      method: "POST",
      headers: { "content-type": "application/json", cookie, ...headers },
      body: JSON.stringify({ jsonrpc: "2.0", params: {} }),
    });
    assert.equal(info.status, 200);
  }
});

test("a neighbour's administrator is refused at a tenant's door, whichever way the database is named", async () => {
  const password = derivePassword(world.platform.masterKey, "acme", "odoo-admin");
  const login = "owner@acme.example";
  const ask = async (subdomain: string, path: string, params: object, headers: Record<string, string> = {}) =>
    (
      await world.visit(subdomain, path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ jsonrpc: "2.0", method: "call", params }),
      })
    ).body;
  const session = { db: "acme", login, password };
  const rpc = { service: "common", method: "authenticate", args: ["acme", login, password, {}] };
  const read = {
    service: "object",
    method: "execute_kw",
    args: ["acme", 2, password, "res.users", "read", [[2], ["login"]]],
  };
  // At its own door all three work, so a refusal next door is the door's.
  assert.match(await ask("acme", "/web/session/authenticate", session), /"uid": 2/);
  assert.match(await ask("acme", "/jsonrpc", rpc), /"result": 2/);
  assert.match(await ask("acme", "/jsonrpc", read), /owner@acme\.example/);
  for (const headers of [{}, { "x-forwarded-host": `acme.${world.sandbox.instance.domain}` }] as Record<
    string,
    string
  >[]) {
    assert.match(await ask("rival", "/web/session/authenticate", session, headers), /AccessDenied/);
    assert.match(await ask("rival", "/jsonrpc", rpc, headers), /AccessDenied/);
    assert.match(await ask("rival", "/jsonrpc", read, headers), /AccessDenied/);
  }
  const xml = `<?xml version="1.0"?><methodCall><methodName>authenticate</methodName><params>${["acme", login, password]
    .map((text) => `<param><value><string>${text}</string></value></param>`)
    .join("")}<param><value><struct/></value></param></params></methodCall>`;
  for (const path of ["/xmlrpc/2/common", "/xmlrpc/common"]) {
    const page = await world.visit("rival", path, {
      method: "POST",
      headers: { "content-type": "text/xml" },
      body: xml,
    });
    assert.doesNotMatch(page.body, /<int>2<\/int>/, path);
  }
});

test("nobody is told which databases exist", async () => {
  const ask = async (method: string, args: string[]) =>
    (
      await world.visit("rival", "/jsonrpc", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", params: { service: "db", method, args } }),
      })
    ).body;
  assert.match(await ask("db_exist", ["acme"]), /AccessDenied/);
  assert.match(await ask("list", []), /AccessDenied/);
  const unknown = { service: "common", method: "authenticate", args: ["nowhere", "x", "x", {}] };
  const page = await world.visit("rival", "/jsonrpc", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", params: unknown }),
  });
  assert.match(page.body, /AccessDenied/);
});

test("a session of one tenant is no session at another's door", async () => {
  const session = await world.login("acme");
  const page = await world.visit("rival", "/web", { headers: { cookie: session } });
  assert.doesNotMatch(page.body, /owner@acme\.example/);
  assert.doesNotMatch(page.body, /"db": "acme"/);
});

test("the database manager is closed at every door", async () => {
  for (const path of [
    "/web/database/manager",
    "/web/database/selector",
    "/web/database/list",
    "/web/database/backup",
  ]) {
    assert.equal((await world.visit("acme", path)).status, 403, path);
  }
  const direct = await world.host.ok(
    "curl -s -o /dev/null -w '%{http_code}' -H 'Host: acme.odoo.localhost' -d 'master_pwd=admin&name=acme&backup_format=zip' http://127.0.0.1:8069/web/database/backup",
  );
  assert.notEqual(direct, "000");
  const dumped = await world.host.ok(
    "curl -s -H 'Host: acme.odoo.localhost' -d 'master_pwd=admin&name=acme&backup_format=zip' http://127.0.0.1:8069/web/database/backup | head -c 4 | od -c | head -1",
  );
  assert.doesNotMatch(dumped, /P {3}K/);
});

test("a path of a neighbour's tunnel leads nowhere: each tunnel serves its own host names only", async () => {
  const config = await world.cloudflare.zeroTrust.tunnels.cloudflared.list({
    account_id: world.platform.cloudflare.accountId,
    is_deleted: false,
  });
  for (const tunnel of config.result) {
    const { config: rules } = await world.cloudflare.zeroTrust.tunnels.cloudflared.configurations.get(tunnel.id ?? "", {
      account_id: world.platform.cloudflare.accountId,
    });
    const own = tunnel.name?.replace(/-tunnel$/, "");
    for (const rule of rules?.ingress ?? []) {
      if (rule.hostname) assert.equal(rule.hostname, `${own}.${world.sandbox.instance.domain}`);
    }
    assert.equal(rules?.ingress?.at(-1)?.service, "http_status:404");
  }
});
