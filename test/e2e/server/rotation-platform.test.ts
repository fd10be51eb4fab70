import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newSshKeyPair } from "../../../components/host/ssh-key-pair.ts";
import { connect } from "../../../automation/api/host/ssh-connection.ts";
import { publicKeyLine } from "../../../components/host/public-key-line.ts";
import { withAdministratorsKey } from "../../../sandbox/lifecycle/administrator.ts";
import { projectDirectory } from "../../../sandbox/lifecycle/project.ts";
import { startWorld, type World } from "../world.ts";
import { until } from "../../until.ts";
import { idOf, opensPostgres, retried, rotateCli, withNewSessions } from "./rotating.ts";
import { whileVisited } from "./while-visited.ts";

// What the platform itself logs in with is exchanged while visitors come.
let world: World;
before(async () => {
  world = await startWorld();
  await world.sandbox.checkout({ subdomain: "acme", plan: "starter", email: "owner@acme.example" });
});
after(() => world?.close());

const PROD = ["-s", "organization/odoosaas/prod"];

test("the password of the host's own role is exchanged while visitors come", async () => {
  const old = world.sandbox.secrets.postgresRoles.odoo_h105;
  const { bad, visits } = await whileVisited(world, ["acme"], async () => {
    for (let times = 0; times < 3; times += 1) await rotateCli(world, ["host", "105"]);
  });
  assert.deepEqual(bad, [], `of ${visits} visits`);
  assert.ok(visits > 20, `${visits} visits`);
  assert.equal(await opensPostgres(world, "odoo_h105", old), false);
  const now = await world.host.ok("cat /etc/odoosaas/owner-password");
  assert.equal(await opensPostgres(world, "odoo_h105", now), true);
  assert.equal(await world.host.ok("stat -c '%a %U' /etc/odoosaas/owner-password"), "600 root");
  // The platform's own commands, and a new tenant, go by it.
  await retried(world, "acme");
  await world.sandbox.checkout({ subdomain: "umbrella", plan: "starter", email: "owner@umbrella.example" });
});

test("hundreds of sessions that begin while the host's own password is exchanged wait, and none is refused", async (t) => {
  const { served, bad } = await withNewSessions(world, "postgres", async () => {
    for (let times = 0; times < 3; times += 1) await rotateCli(world, ["host", "105"]);
  });
  assert.deepEqual(bad, [], `${served} sessions were served`);
  assert.ok(served > 50, `${served} sessions`);
  t.diagnostic(`${served} sessions`);
  assert.equal(await world.host.ok("ls /run/odoosaas/held; grep -c pool_size /etc/pgbouncer/tenants.ini || true"), "0");
});

test("an exchange of the host's password that was cut off at any point goes on when it is run again", async () => {
  const present = await world.host.ok("cat /etc/odoosaas/owner-password");
  // Cut off before PostgreSQL had it, and after.
  const drawn = "drawn-by-a-run-that-was-cut-off-1";
  await world.host.ok(`install -m 0600 /dev/stdin /etc/odoosaas/owner-password.next <<<'${drawn}'`);
  await rotateCli(world, ["host", "105"]);
  assert.deepEqual(
    [await opensPostgres(world, "odoo_h105", present), await opensPostgres(world, "odoo_h105", drawn)],
    [false, true],
  );
  const second = "drawn-by-a-run-that-was-cut-off-2";
  await world.host.ok(`install -m 0600 /dev/stdin /etc/odoosaas/owner-password.next <<<'${second}'`);
  await world.sql(`alter role odoo_h105 password '${second}'`);
  await rotateCli(world, ["host", "105"]);
  assert.equal(await world.host.ok("cat /etc/odoosaas/owner-password"), second);
  assert.equal(await opensPostgres(world, "odoo_h105", second), true);
  await retried(world, "acme");
});

test("what Odoo shows to PgBouncer is exchanged with a restart, of seconds", async (t) => {
  const old = world.sandbox.secrets.postgresRoles.odoo_h105;
  const asOdoo = async (password: string): Promise<string> =>
    world.host.ok(
      `PGPASSWORD='${password}' psql -X -h 127.0.0.1 -p 6432 -U odoo_h105 -d acme -Atc 'select 1' 2>&1 || true`,
    );
  assert.equal(await asOdoo(old), "1");
  const { bad, visits, badMs } = await whileVisited(world, ["acme"], async () => {
    await rotateCli(world, ["host", "105", "--restart-odoo"]);
  });
  t.diagnostic(`${bad.length} of ${visits} visits came in vain, within ${badMs} ms`);
  assert.ok(badMs < 15_000, `${badMs} ms`);
  assert.ok(
    bad.every((line) => /^acme: (502|503|0) /.test(line)),
    bad.join("\n"),
  );
  assert.match(await asOdoo(old), /authentication failed/);
  assert.equal((await world.visit("acme", "/web/login")).status, 200);
  await retried(world, "acme");
});

test("the password of the platform's own role is exchanged while visitors come; a killed command is gone on with", async () => {
  const old = world.platform.postgresPassword;
  const args = ["postgres", "--project", projectDirectory(world.sandbox.instance)];
  const environment = await world.sandbox.engineEnvironment();
  const { bad } = await whileVisited(world, ["acme"], async () => {
    await rotateCli(world, args, "", environment);
  });
  assert.deepEqual(bad, []);
  assert.equal(await opensPostgres(world, "platform_admin", old), false);
  await retried(world, "acme");
  const configured = async (): Promise<string> =>
    (
      await world.sandbox.pulumi("config", "get", "odoosaas:postgresPassword", "-s", "organization/odoosaas/prod")
    ).trim();
  const first = await configured();
  assert.equal(await opensPostgres(world, "platform_admin", first), true);

  // As a command leaves it that was killed before PostgreSQL had the new one.
  const next = "a-password-that-is-to-come";
  await world.sandbox.pulumi(
    "config",
    "set",
    "--secret",
    "odoosaas:postgresPassword",
    next,
    "-s",
    "organization/odoosaas/prod",
  );
  await rotateCli(world, args, "", environment);
  assert.deepEqual(
    [await opensPostgres(world, "platform_admin", first), await opensPostgres(world, "platform_admin", next)],
    [false, true],
  );
  await retried(world, "acme");
  assert.equal((await world.api("GET", "/api/queue")).body["paused"], false);
});

test("what stalls after a command that was killed when PostgreSQL alone had the new password follows the next", async () => {
  const role = ["odoosaas:postgresPassword", "another-password-that-is-to-come"] as const;
  await world.sandbox.pulumi("config", "set", "--secret", ...role, ...PROD);
  await world.sql(`alter role platform_admin password '${role[1]}'`);
  // The server's pool has sessions that stand.
  await world.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'platform_admin'");
  const acme = async (): Promise<Record<string, unknown>> =>
    (await world.api("GET", `/api/tenants/${await idOf(world, "acme")}`)).body["tenant"] as Record<string, unknown>;
  const path = `/api/tenants/${await idOf(world, "acme")}/retry`;
  assert.equal((await world.api("POST", path, {}, { prefer: "wait=120" })).status, 502);
  assert.deepEqual([(await acme())["state"], (await acme())["state_reason"]], ["stalled", "postgres-login-refused"]);
  const args = ["postgres", "--project", projectDirectory(world.sandbox.instance)];
  await rotateCli(world, args, "", await world.sandbox.engineEnvironment());
  await until(
    "the tenant to follow",
    async () => (await acme())["state"],
    (state) => state === "active",
  );
});

/** Whether the hosts' account lets a key in. */
async function opensHost(key: string): Promise<boolean> {
  const [host] = world.platform.hosts;
  assert.ok(host);
  try {
    (await connect(host, key)).end();
    return true;
  } catch (error) {
    assert.match(String(error), /does not accept/);
    return false;
  }
}

test("the key of the hosts' account is exchanged while visitors come and the server asks the host", async () => {
  const { sandbox, platform } = world;
  const environment = await sandbox.engineEnvironment();
  const rotated = (): Promise<string> =>
    withAdministratorsKey(sandbox.secrets, (agent) =>
      rotateCli(world, ["ssh-key", "--project", projectDirectory(sandbox.instance)], "", { ...environment, ...agent }),
    );
  const statuses: number[] = [];
  let done = false;
  const asking = async (): Promise<void> => {
    while (!done) statuses.push((await world.api("GET", "/api/tunnels/acme-tunnel/status")).status);
  };
  const { bad } = await whileVisited(world, ["acme"], async () => {
    const asked = asking();
    await rotated().finally(() => (done = true));
    await asked;
  });
  assert.deepEqual(bad, []);
  assert.ok(statuses.length > 5 && statuses.every((status) => status === 200), statuses.join());
  const configured = async (): Promise<string> => sandbox.pulumi("config", "get", "odoosaas:sshPrivateKey", ...PROD);
  const first = await configured();
  assert.deepEqual([await opensHost(platform.sshPrivateKey), await opensHost(first)], [false, true]);
  await retried(world, "acme");

  // As a command leaves it that was killed between its two steps in the configuration, and again after both.
  await sandbox.pulumi("config", "set", "--path", "odoosaas:sshFormerKeys[0]", publicKeyLine(first), ...PROD);
  await rotated();
  const second = await configured();
  assert.deepEqual([await opensHost(first), await opensHost(second)], [false, true]);
  const third = newSshKeyPair("odoosaas").privateKey;
  await sandbox.pulumi("config", "set", "--path", "odoosaas:sshFormerKeys[0]", publicKeyLine(second), ...PROD);
  await sandbox.pulumi("config", "set", "--secret", "odoosaas:sshPrivateKey", ...PROD, "--", third);
  await rotated();
  assert.deepEqual([await opensHost(second), await opensHost(third)], [false, true]);
  assert.doesNotMatch(await sandbox.pulumi("config", ...PROD), /sshFormerKeys/);
  await retried(world, "acme");
});
