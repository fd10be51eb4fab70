import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PlatformSettings } from "../../../components/settings/platform-settings.ts";
import { odooDatabaseCommand, odooPlace } from "../../../components/tenant/odoo-database.ts";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";

// How a tenant's database becomes an Odoo where the quick way (a clone, and its identity by SQL) cannot be taken.
let world: World;
before(async () => {
  world = await startWorld({ upTo: "platform" });
});
after(() => world?.close());

const quiet = { suppressProgress: true } as const;
const details = { companyName: `Acme "& Söhne's"`, language: "fr_FR", country: "FR" };

test("a plan with further modules installs them into the clone, and a later change to such a plan does, too", async () => {
  await (await world.stack({ subdomain: "plus", plan: "business" })).up(quiet);
  assert.deepEqual(await installed("plus", "contacts"), [{ state: "installed" }]);
  await (await world.stack({ subdomain: "later" })).up(quiet);
  assert.deepEqual(await installed("later", "contacts"), [{ state: "uninstalled" }]);
  await (await world.stack({ subdomain: "later", plan: "business" })).up(quiet);
  assert.deepEqual(await installed("later", "contacts"), [{ state: "installed" }]);
  for (const name of ["plus", "later"]) {
    const session = await world.login(name);
    const actions = await world.callOdoo(name, session, "ir.model.data", "search_count", [
      [["module", "=", "contacts"]],
    ]);
    assert.ok((actions as number) > 0, "Odoo's own session has it");
  }
});

test("without a template Odoo installs a database as a whole, also when it was killed in the middle of that", async () => {
  const { template: _, ...platform } = world.platform;
  await installCommand(platform);
  const changes = { platform: { template: undefined } } as unknown as { platform: Partial<PlatformSettings> };
  const stack = await world.stack({ subdomain: "whole", ...details }, changes);
  const first = stack.up(quiet).then(
    () => "done",
    () => "failed",
  );
  const modules = async (state: string) =>
    await world
      .sql<{ name: string }>("select name from ir_module_module where state = $1", [state], "whole")
      .catch(() => []);
  // All that is asked for is there then, but not what comes along with it.
  await until(
    "the web module",
    async () => await modules("installed"),
    (seen) => seen.some(({ name }) => name === "web"),
    120_000,
  );
  await world.host.ok("pkill -9 -u odoo -f -- '-d whole '");
  assert.equal(await first, "failed");
  assert.notDeepEqual(await modules("to install"), [], "it was in the middle");

  await stack.up(quiet);
  assert.deepEqual(await modules("to install"), []);
  await isTheirs("whole");
  await (await world.stack({ subdomain: "whole", ...details }, changes)).up({ ...quiet, expectNoChanges: true });
  await stack.destroy(quiet);
  assert.deepEqual(await world.sql("select 1 from pg_roles where rolname = 'tenant_whole'"), []);
});

test("where the identity is given by Odoo's shell, as on releases 15 to 19, it is the same one", async () => {
  const [host] = world.platform.hosts;
  assert.ok(host);
  // Odoo 14 called 15: what its shell is told is the same.
  const hosts = [{ ...host, odoo: { ...host.odoo, version: "15.0" as const } }];
  await installCommand({ ...world.platform, hosts });
  const stack = await world.stack({ subdomain: "shell", ...details }, { platform: { hosts } });
  await stack.up(quiet);
  await isTheirs("shell");
  const template = await parameters("odoo_template");
  const own = await parameters("shell");
  for (const key of ["database.uuid", "database.secret"]) {
    assert.ok(own[key]);
    assert.notEqual(own[key], template[key]);
  }
  assert.equal(own["web.base.url"], `http://shell.odoo.localhost:${world.sandbox.instance.ports.edge}`);
  assert.equal(own["web.base.url.freeze"], "True");
});

/** Puts the command on the host as a platform with these settings would. */
async function installCommand(platform: PlatformSettings): Promise<void> {
  const [host] = platform.hosts;
  assert.ok(host);
  const { text } = odooDatabaseCommand(odooPlace(platform, host));
  const path = "/usr/local/lib/odoosaas/odoo-database";
  await world.host.ok(`cat >${path}.new && chmod 0700 ${path}.new && mv ${path}.new ${path}`, text);
}

async function installed(database: string, module: string): Promise<object[]> {
  return await world.sql("select state from ir_module_module where name = $1", [module], database);
}

async function parameters(database: string): Promise<Record<string, string>> {
  const rows = await world.sql<{ key: string; value: string }>(
    "select key, value from ir_config_parameter",
    [],
    database,
  );
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
}

/** A login, the company, its currency and the language, as asked for; all inside belongs to the tenant's role. */
async function isTheirs(name: string): Promise<void> {
  assert.equal((await world.visit(name, "/web/login")).status, 200);
  const session = await world.login(name);
  const fields = ["name", "currency_id", "email"];
  assert.deepEqual(await world.callOdoo(name, session, "res.company", "read", [[1], fields]), [
    { id: 1, name: details.companyName, currency_id: [1, "EUR"], email: `owner@${name}.example` },
  ]);
  const users = "select p.lang, u.login from res_users u join res_partner p on p.id = u.partner_id where u.id = 2";
  assert.deepEqual(await world.sql(users, [], name), [{ lang: "fr_FR", login: `owner@${name}.example` }]);
  const owners = "select distinct tableowner from pg_tables where schemaname = 'public'";
  assert.deepEqual(await world.sql(owners, [], name), [{ tableowner: `tenant_${name}` }]);
}
