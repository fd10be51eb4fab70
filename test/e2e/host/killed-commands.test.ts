import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { after, before, test, type TestContext } from "node:test";
import { hostRoleCommand } from "../../../components/host/host-role.ts";
import { connectorCommand, connectorVariables } from "../../../components/tenant/connector.ts";
import { odooDatabaseCommand, odooDatabaseVariables, odooPlace } from "../../../components/tenant/odoo-database.ts";
import { derivePassword, deriveSecret } from "../../../components/tenant/secrets.ts";
import { seeded } from "../../../sandbox/stripe/seeded.ts";
import { opensPostgres } from "../server/rotating.ts";
import { startWorld, type World } from "../world.ts";
import { KilledCommand } from "./killing.ts";

// Commands on a real host, killed at lines drawn by chance (and at those that once went wrong) and run again; the effects
// are read on the host. Repeat a run with KILL_SEED=<the seed in the name>. KILL_LINES=all takes every line.
// Always the same without it, so that a change is not blamed for another's bad luck; KILL_SEED=random looks further.
const given = process.env["KILL_SEED"] ?? "845630";
const SEED = given === "random" ? randomInt(1_000_000) : Number(given);
const ALL = process.env["KILL_LINES"] === "all";
const chance = seeded(SEED);

let world: World;
let odoo: KilledCommand;
let variables: ReturnType<typeof odooDatabaseVariables>;
const FILESTORE = "/var/lib/odoo/.local/share/Odoo/filestore/acme";
const BACKUPS = "/var/backups/odoosaas/acme";

before(async () => {
  world = await startWorld({ upTo: "platform" });
  const { platform, host } = world;
  await (await world.stack({ subdomain: "acme" })).up({ suppressProgress: true });
  await KilledCommand.prepare(host);
  const [settings] = platform.hosts;
  assert.ok(settings);
  odoo = new KilledCommand(host, odooDatabaseCommand(odooPlace(platform, settings)));
  variables = odooDatabaseVariables({
    subdomain: "acme",
    port: settings.odoo.port,
    rolePassword: derivePassword(platform.masterKey, "acme", "postgres-role"),
    modules: platform.template?.modules ?? [],
    admin: {
      login: "owner@acme.example",
      password: derivePassword(platform.masterKey, "acme", "odoo-admin"),
      salt: deriveSecret(platform.masterKey, "acme", "odoo-admin-salt").subarray(0, 16),
    },
    baseUrl: "http://acme.odoo.localhost",
    customDomains: [],
    suspended: false,
  });
});
after(() => world?.close());

/** Some of the lines that a run comes by, and always those with one of these texts. */
function drawn(t: TestContext, command: KilledCommand, lines: number[], count: number, always: string[]): number[] {
  const asked = always.flatMap((text) => command.at(text)).filter((line) => lines.includes(line));
  assert.ok(asked.length >= always.length, "the lines that once went wrong are not come by");
  const rest = lines.filter((line) => !asked.includes(line));
  while (!ALL && rest.length > count) rest.splice(Math.floor(chance() * rest.length), 1);
  const taken = [...asked, ...rest].toSorted((one, other) => one - other);
  t.diagnostic(`killed at ${taken.length} of ${lines.length} lines: ${taken.join(" ")}`);
  return taken;
}

test(`a tenant is let in whatever line the former run died at; KILL_SEED=${SEED}`, async (t) => {
  const suspended = { ...variables, SUSPENDED: "yes" };
  assert.equal((await odoo.run("up", suspended)).code, 0);
  const lines = await odoo.lines("up", variables);
  const critical = ['mv "$mapping.new" "$mapping"', "systemctl reload pgbouncer", 'mv "$PUBLISHED.new" "$PUBLISHED"'];
  for (const line of drawn(t, odoo, lines, 3, critical)) {
    const at = `killed at line ${line}: ${odoo.text(line)}`;
    assert.equal((await odoo.run("up", suspended)).code, 0, at);
    assert.notEqual((await odoo.killedAt(line, "up", variables)).code, 0, at);
    const again = await odoo.run("up", variables);
    assert.equal(again.code, 0, `${at}: ${again.stderr}`);
    await isServed(at);
  }
  assert.equal((await odoo.run("up", variables)).code, 0, "once more changes nothing");
});

test(`a role's new password is in use whatever line the former run died at; KILL_SEED=${SEED}`, async (t) => {
  let generation = 1;
  const next = () => {
    generation += 1;
    return derivePassword(world.platform.masterKey, "acme", "postgres-role", generation);
  };
  const lines = await odoo.lines("up", { ...variables, ROLE_PASSWORD: next() });
  const critical = ['mv "$HELD/.$DATABASE"', ': >"$changed"', 'mv "$mapping.new"', 'rm -f "$HELD/$DATABASE"'];
  for (const line of drawn(t, odoo, lines, 3, critical)) {
    const at = `killed at line ${line}: ${odoo.text(line)}`;
    const password = next();
    assert.notEqual((await odoo.killedAt(line, "up", { ...variables, ROLE_PASSWORD: password })).code, 0, at);
    const again = await odoo.run("up", { ...variables, ROLE_PASSWORD: password });
    assert.equal(again.code, 0, `${at}: ${again.stderr}`);
    assert.equal(await opensPostgres(world, "tenant_acme", password, "acme"), true, at);
    await isServedAnew(at, "tenant_acme");
  }
  variables = { ...variables, ROLE_PASSWORD: next() };
  assert.equal((await odoo.run("up", variables)).code, 0);
});

test(`a host's new password is in use whatever line the former run died at; KILL_SEED=${SEED}`, async (t) => {
  const [settings] = world.platform.hosts;
  assert.ok(settings);
  const role = new KilledCommand(world.host, hostRoleCommand(world.platform, settings));
  const variable = { RESTART: "" };
  const lines = await role.lines("rotate", variable);
  const critical = [
    'mv "$HELD/.$DATABASE"',
    'map_role "$new"',
    'mv "$PENDING" "$OWNER_PASSWORD"',
    "systemctl reload pgbouncer",
  ];
  for (const line of drawn(t, role, lines, 3, critical)) {
    const at = `killed at line ${line}: ${role.text(line)}`;
    const earlier = await world.host.ok("cat /etc/odoosaas/owner-password");
    assert.notEqual((await role.killedAt(line, "rotate", variable)).code, 0, at);
    const again = await role.run("rotate", variable);
    assert.equal(again.code, 0, `${at}: ${again.stderr}`);
    const now = await world.host.ok("cat /etc/odoosaas/owner-password");
    assert.deepEqual(
      [await opensPostgres(world, "odoo_h105", earlier), await opensPostgres(world, "odoo_h105", now)],
      [false, true],
      at,
    );
    await isServedAnew(at, "odoo_h105");
  }
});

test(`a new connector's token reaches the running process whatever line the former run died at; KILL_SEED=${SEED}`, async (t) => {
  const [settings] = world.platform.hosts;
  assert.ok(settings);
  const connector = new KilledCommand(world.host, connectorCommand(settings));
  const original = await world.host.ok("cat /etc/cloudflared/acme-tunnel.token");
  // The same tunnel and secret, written in another way each time: a token that the edge takes.
  let written = 0;
  const token = () => {
    written += 1;
    const text = JSON.stringify(JSON.parse(Buffer.from(original, "base64").toString())) + " ".repeat(written);
    return connectorVariables("acme", Buffer.from(text).toString("base64"));
  };
  const started = async () => await world.host.ok("systemctl show -p InvocationID --value cloudflared-acme-tunnel");
  const lines = await connector.lines("up", token());
  const critical = ['put_in_place "$UNITS/$SERVICE.service"', "flock -w 120 9", 'systemctl restart "$SERVICE"'];
  for (const line of drawn(t, connector, lines, 8, critical)) {
    const at = `killed at line ${line}: ${connector.text(line)}`;
    const [wanted, earlier] = [token(), await started()];
    await connector.killedAt(line, "up", wanted);
    const again = await connector.run("up", wanted);
    assert.equal(again.code, 0, `${at}: ${again.stderr}`);
    assert.notEqual(await started(), earlier, `the process has the old token, ${at}`);
    assert.equal(await world.host.ok("cat /etc/cloudflared/acme-tunnel.token"), wanted.TOKEN, at);
    assert.equal(await world.host.ok("systemctl is-active cloudflared-acme-tunnel"), "active", at);
    assert.equal(
      await world.host.ok("find /etc/cloudflared /run/systemd/transient -name '*acme-tunnel*' | sort"),
      "/etc/cloudflared/acme-tunnel.token",
      at,
    );
  }
  const [wanted, earlier] = [token(), await started()];
  assert.equal((await connector.run("up", wanted)).code, 0);
  assert.notEqual(await started(), earlier);
  const [same] = [await started()];
  assert.equal((await connector.run("up", wanted)).code, 0);
  assert.equal(await started(), same, "an equal token restarts nothing");
});

test(`nothing is removed without a finished backup of both halves, whatever line a run dies at; KILL_SEED=${SEED}`, async (t) => {
  const removed = { SUBDOMAIN: "acme" };
  await fillFilestore();
  const lines = await odoo.lines("down", removed);
  const critical = ['mv -T "$directory.part"', 'as_odoo rm -rf "$filestore"', "sha256sum database.dump"];
  for (const line of drawn(t, odoo, lines, 3, critical)) {
    const at = `killed at line ${line}: ${odoo.text(line)}`;
    await world.host.ok(`rm -rf ${BACKUPS}`);
    assert.equal((await odoo.run("up", variables)).code, 0, at);
    await fillFilestore();
    await odoo.killedAt(line, "down", removed);
    if ((await world.host.run(`test -e ${FILESTORE}/aa/letter`)).code !== 0) await isSaved(at);
    const again = await odoo.run("down", removed);
    assert.equal(again.code, 0, `${at}: ${again.stderr}`);
    assert.equal(again.stdout.trim(), `backup ${await isSaved(at)}`, at);
    assert.equal((await world.host.run(`test -e ${FILESTORE}`)).code, 1, at);
  }
});

test("a removal that died while the filestore went keeps the backup that has it, as the only one", async () => {
  const removed = { SUBDOMAIN: "acme" };
  await world.host.ok(`rm -rf ${BACKUPS}`);
  assert.equal((await odoo.run("up", variables)).code, 0);
  await fillFilestore();
  const [line] = odoo.at('as_odoo rm -rf "$filestore"');
  assert.notEqual((await odoo.killedAt(line ?? 0, "down", removed)).code, 0);
  await world.host.ok(`rm ${FILESTORE}/aa/letter`);
  assert.equal((await odoo.run("down", removed)).code, 0);
  await isSaved("after half a removal");
});

test("a filestore whose database is elsewhere stays, and the command says why", async () => {
  const removed = { SUBDOMAIN: "acme" };
  assert.equal((await odoo.run("up", variables)).code, 0);
  await fillFilestore();
  const earlier = await world.host.ok(`ls ${BACKUPS}`);
  await world.sql("alter database acme allow_connections false");
  await world.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'acme'");
  await world.sql("alter database acme rename to acme_elsewhere");
  const refused = await odoo.run("down", removed);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /does not exist on .*Nothing was removed/);
  assert.equal(await world.host.ok(`cat ${FILESTORE}/aa/letter`), "to Acme");
  assert.equal(await world.host.ok(`ls ${BACKUPS}`), earlier);
  await world.host.ok(`mv ${FILESTORE} /root/acme-filestore`);
  assert.equal((await odoo.run("down", removed)).code, 0, "what the operator has put elsewhere holds nothing up");
  await world.sql("alter database acme_elsewhere rename to acme");
  await world.host.ok(`mv /root/acme-filestore ${FILESTORE}`);
});

/** Odoo serves the tenant's database through PgBouncer; a run that died left no password behind. */
async function isServed(at: string): Promise<void> {
  const host = "-H 'Host: acme.odoo.localhost' http://127.0.0.1:8069/web/login";
  assert.equal(await world.host.ok(`curl -s -m 60 -o /dev/null -w '%{http_code}' ${host}`), "200", at);
  const left = await world.host.ok("cd /etc/pgbouncer && grep -c '^acme = ' tenants.ini; ls tenants.d");
  assert.equal(left, "1\nacme.ini", at);
}

/** By sessions that begin now; and nobody's have to wait any more. */
async function isServedAnew(at: string, role: string): Promise<void> {
  await world.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", [role]);
  await isServed(at);
  const left = await world.host.ok("ls /run/odoosaas/held; grep -c pool_size /etc/pgbouncer/tenants.ini || true");
  assert.equal(left, "0", at);
}

async function fillFilestore(): Promise<void> {
  await world.host.ok(`runuser -u odoo -- sh -c "mkdir -p ${FILESTORE}/aa && echo to Acme >${FILESTORE}/aa/letter"`);
}

/** Path of the only backup: whole, finished, and with both halves in it. */
async function isSaved(at: string): Promise<string> {
  const backup = await world.host.ok(`ls -d ${BACKUPS}/*`);
  assert.match(backup, /^\S+\/[0-9]{8}T[0-9]{6}Z$/, `${at}: one finished backup`);
  const read = await world.host.ok(
    `cd ${backup} && sha256sum --quiet -c SHA256SUMS && tar -xzOf filestore.tar.gz ./aa/letter &&
     /opt/postgresql-client/bin/pg_restore -l database.dump | grep -c 'TABLE DATA public res_users '`,
  );
  assert.equal(read, "to Acme\n1", at);
  return backup;
}
