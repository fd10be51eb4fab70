import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { derivePassword } from "../../../components/tenant/secrets.ts";
import { startWorld, type World } from "../world.ts";

// One tenant from its first `up` to nothing left, by the engine alone; the tests go in this order.
let world: World;
before(async () => {
  world = await startWorld({ upTo: "platform" });
});
after(() => world?.close());

const acme = { subdomain: "acme", companyName: `Acme "& Söhne's"`, language: "fr_FR", country: "FR" };
const quiet = { suppressProgress: true } as const;

test("one up on a host without tenants leads to a login page and a login", async () => {
  const stack = await world.stack(acme);
  const { summary, outputs } = await stack.up(quiet);
  assert.equal(summary.resourceChanges?.["create"], 17);
  assert.equal(outputs["url"]?.value, `http://acme.odoo.localhost:${world.sandbox.instance.ports.edge}`);
  const page = await world.visit("acme", "/web/login");
  assert.equal(page.status, 200);
  assert.match(page.body, /name="password"/);
  const session = await world.login("acme");
  const company = await world.callOdoo("acme", session, "res.company", "read", [
    [1],
    ["name", "currency_id", "country_id"],
  ]);
  assert.deepEqual(company, [
    {
      id: 1,
      name: acme.companyName,
      currency_id: [1, "EUR"],
      country_id: (company as { country_id: unknown }[])[0]?.country_id,
    },
  ]);
});

test("the tenant has its own uuid, secret, base URL and language, and the template has no password", async () => {
  const rows = (database: string) =>
    world.sql<{ key: string; value: string }>(
      "select key, value from ir_config_parameter where key in ('database.uuid', 'database.secret', 'web.base.url', 'web.base.url.freeze', 'ir_attachment.location') order by key",
      [],
      database,
    );
  const [own, template] = [await rows("acme"), await rows("odoo_template")];
  const value = (from: typeof own, key: string) => from.find((row) => row.key === key)?.value;
  assert.notEqual(value(own, "database.uuid"), value(template, "database.uuid"));
  assert.notEqual(value(own, "database.secret"), value(template, "database.secret"));
  assert.equal(value(own, "web.base.url"), `http://acme.odoo.localhost:${world.sandbox.instance.ports.edge}`);
  assert.equal(value(own, "web.base.url.freeze"), "True");
  assert.equal(value(own, "ir_attachment.location"), undefined);
  const users = await world.sql<{ lang: string; login: string }>(
    "select p.lang, u.login from res_users u join res_partner p on p.id = u.partner_id where u.id = 2",
    [],
    "acme",
  );
  assert.deepEqual(users, [{ lang: "fr_FR", login: "owner@acme.example" }]);
  const templateAdmin =
    "select u.password, p.lang from res_users u join res_partner p on p.id = u.partner_id where u.id = 2";
  assert.deepEqual(await world.sql(templateAdmin, [], "odoo_template"), [{ password: null, lang: "en_US" }]);
});

test("the record, the tunnel and the database are marked as ours", async () => {
  const { zoneId, accountId } = world.platform.cloudflare;
  const records = await world.cloudflare.dns.records.list({ zone_id: zoneId });
  const tunnels = await world.cloudflare.zeroTrust.tunnels.cloudflared.list({
    account_id: accountId,
    is_deleted: false,
  });
  const [record, tunnel] = [records.result[0], tunnels.result[0]];
  assert.equal(record?.name, "acme.odoo.localhost");
  assert.equal(record?.content, `${tunnel?.id}.cfargotunnel.com`);
  assert.equal(record?.comment, "odoosaas platform=sandbox tenant=acme");
  assert.equal(tunnel?.name, "acme-tunnel");
  assert.equal(tunnel?.status, "healthy");
  const databases = await world.sql<{ owner: string; comment: string }>(
    "select pg_get_userbyid(datdba) as owner, shobj_description(oid, 'pg_database') as comment from pg_database where datname = 'acme'",
  );
  assert.deepEqual(databases, [{ owner: "odoo_h105", comment: "odoosaas platform=sandbox tenant=acme" }]);
  const strangers = await world.sql(
    "select relname from pg_class where relnamespace = 'public'::regnamespace and pg_get_userbyid(relowner) <> 'tenant_acme'",
    [],
    "acme",
  );
  assert.deepEqual(strangers, [], "everything inside belongs to the tenant's role");
});

test("the connector's token is in a file only it reads, not in the unit and not in a process list", async () => {
  assert.equal(await world.host.ok("stat -c '%a %U' /etc/cloudflared/acme-tunnel.token"), "600 cloudflared");
  const token = await world.host.ok("cat /etc/cloudflared/acme-tunnel.token");
  const shown = await world.host.ok("systemctl cat cloudflared-acme-tunnel; ps axeww");
  assert.ok(!shown.includes(token.slice(0, 40)));
  assert.equal(
    await world.host.ok("systemctl is-active cloudflared-acme-tunnel; systemctl is-enabled cloudflared-acme-tunnel"),
    "active\nenabled",
  );
});

test("no secret is plain in the exported state", async () => {
  const state = await world.sandbox.pulumi("stack", "export", "-s", "organization/odoosaas/acme");
  assert.match(state, /acme-tunnel/);
  const { masterKey, cloudflareApiToken, postgresPassword, sshPrivateKey } = world.platform;
  const secrets = [masterKey, cloudflareApiToken, postgresPassword, sshPrivateKey.split("\n")[2] ?? ""].concat(
    (["postgres-role", "odoo-admin"] as const).map((purpose) => derivePassword(masterKey, "acme", purpose)),
    await world.host.ok("cat /etc/cloudflared/acme-tunnel.token"),
  );
  for (const secret of secrets) {
    assert.ok(secret.length > 16);
    assert.ok(!state.includes(secret));
  }
});

test("a second up changes nothing, and neither does a refresh", async () => {
  const stack = await world.stack(acme);
  await stack.up({ ...quiet, expectNoChanges: true });
  await stack.refresh({ ...quiet, expectNoChanges: true });
});

test("an operator's command line previews the same stack without a change", async () => {
  const { writeStackFile } = await import("../../../sandbox/lifecycle/project.ts");
  const tenant = { plan: "starter", hostId: 105, adminEmail: "owner@acme.example", ...acme };
  writeStackFile(world.sandbox.instance, "acme", { tenant });
  const printed = await world.sandbox.pulumi(
    "preview",
    "--non-interactive",
    "--expect-no-changes",
    "-s",
    "organization/odoosaas/acme",
  );
  assert.match(printed, /17 unchanged/);
});

test("no change of an input replaces anything", async () => {
  const changes = { plan: "business", customDomains: ["shop.example.org"], companyName: "Acme Ltd", suspended: true };
  const generations = { secretGeneration: { tunnel: 2, postgresRole: 2 } };
  const stack = await world.stack({ ...acme, ...changes, ...generations });
  const { changeSummary } = await stack.preview(quiet);
  assert.deepEqual(Object.keys(changeSummary).toSorted(), ["same", "update"]);
});

test("rotated secrets are in use at once, and visitors notice nothing", async () => {
  const earlier = await world.host.ok("cat /etc/cloudflared/acme-tunnel.token");
  await (await world.stack({ ...acme, secretGeneration: { tunnel: 2, postgresRole: 2 } })).up(quiet);
  assert.notEqual(await world.host.ok("cat /etc/cloudflared/acme-tunnel.token"), earlier);
  assert.equal((await world.visit("acme", "/web/login")).status, 200);
  await world.login("acme");
});

test("a custom domain finds the tenant's database, and other names none", async () => {
  const generations = { secretGeneration: { tunnel: 2, postgresRole: 2 } };
  await (await world.stack({ ...acme, ...generations, customDomains: ["shop.example.org"] })).up(quiet);
  const status = (host: string) =>
    world.host.ok(`curl -s -o /dev/null -w '%{http_code}' -H 'Host: ${host}' http://127.0.0.1:8069/web/login`);
  assert.equal(await status("shop.example.org"), "200");
  assert.notEqual(await status("other.example.org"), "200");
  await (await world.stack({ ...acme, ...generations })).up(quiet);
  assert.notEqual(await status("shop.example.org"), "200");
});

test("a suspended tenant's visitors get a page with status 503, and its database takes no connections", async () => {
  const stack = await world.stack({ ...acme, suspended: true });
  await stack.up(quiet);
  const page = await world.visit("acme", "/web/login");
  assert.equal(page.status, 503);
  assert.match(page.body, /acme\.odoo\.localhost is paused/);
  assert.deepEqual(await world.sql("select datallowconn from pg_database where datname = 'acme'"), [
    { datallowconn: false },
  ]);
  assert.deepEqual(await world.sql("select pid from pg_stat_activity where datname = 'acme'"), []);
  await stack.refresh({ ...quiet, expectNoChanges: true });
});

test("a resumed tenant is served again with its data", async () => {
  await (await world.stack(acme)).up(quiet);
  assert.equal((await world.visit("acme", "/web/login")).status, 200);
  await world.login("acme");
});

test("a password the customer changed survives an update", async () => {
  const session = await world.login("acme");
  await world.callOdoo("acme", session, "res.users", "write", [[2], { login: "boss@acme.example" }]);
  await (await world.stack({ ...acme, plan: "business" })).up(quiet);
  await world.login("acme", "boss@acme.example");
});

test("destroy works while the tunnel is connected, takes a backup that can be read, and leaves nothing", async () => {
  const stack = await world.stack(acme);
  await stack.destroy(quiet);
  await stack.workspace.removeStack(stack.name);
  const { zoneId, accountId } = world.platform.cloudflare;
  assert.deepEqual((await world.cloudflare.dns.records.list({ zone_id: zoneId })).result, []);
  const tunnels = await world.cloudflare.zeroTrust.tunnels.cloudflared.list({
    account_id: accountId,
    is_deleted: false,
  });
  assert.deepEqual(tunnels.result, []);
  assert.deepEqual(await world.sql("select datname from pg_database where datname = 'acme'"), []);
  assert.deepEqual(await world.sql("select rolname from pg_roles where rolname = 'tenant_acme'"), []);
  const leftovers = await world.host.ok(
    "find /etc/systemd/system /etc/cloudflared /etc/pgbouncer/tenants.d /var/lib/odoo/.local/share/Odoo/filestore /run/odoosaas -name '*acme*'",
  );
  assert.equal(leftovers, "");
  assert.equal((await world.visit("acme", "/web/login")).status, 530);
  const backup = await world.host.ok(
    "cd /var/backups/odoosaas/acme/* && sha256sum --quiet -c SHA256SUMS && /opt/postgresql-client/bin/pg_restore -l database.dump | grep -c 'TABLE DATA public res_users '",
  );
  assert.equal(backup, "1");
});
