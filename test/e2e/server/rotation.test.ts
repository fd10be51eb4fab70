import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import Cloudflare from "cloudflare";
import { Stripe } from "stripe";
import { derivePassword, deriveTunnelSecret } from "../../../components/tenant/secrets.ts";
import { passphraseFile } from "../../../sandbox/engine/environment.ts";
import { projectDirectory } from "../../../sandbox/lifecycle/project.ts";
import { run } from "../../../sandbox/run.ts";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";
import { idOf, opensPostgres, rotateCli, withNewSessions } from "./rotating.ts";
import { whileVisited } from "./while-visited.ts";

// Secrets are exchanged while visitors come: they notice nothing, and what was used before is of no use afterwards.
let world: World;
before(async () => {
  world = await startWorld();
  for (const subdomain of ["acme", "my-shop"])
    await world.sandbox.checkout({ subdomain, plan: "starter", email: `owner@${subdomain}.example` });
});
after(() => world?.close());

async function rotate(subdomain: string, ...secrets: string[]): Promise<void> {
  const path = `/api/tenants/${await idOf(world, subdomain)}/rotate`;
  const { status, body } = await world.api("POST", path, { secrets }, { prefer: "wait=120" });
  assert.equal(status, 200, JSON.stringify(body));
}

async function logsIn(subdomain: string, generation: number): Promise<boolean> {
  const password = derivePassword(world.platform.masterKey, subdomain, "postgres-role", generation);
  return opensPostgres(world, `tenant_${subdomain}`, password, subdomain);
}

async function token(subdomain: string): Promise<string> {
  return await world.host.ok(`cat /etc/cloudflared/${subdomain}-tunnel.token`);
}

const secretIn = (text: string): string => (JSON.parse(Buffer.from(text, "base64").toString()) as { s: string }).s;

test("a tunnel's token is rotated while visitors come; the old one no longer connects, nor stays connected", async () => {
  const old = await token("acme");
  // Somebody who got hold of the token, and is connected.
  await world.host.ok(
    `install -m 0600 -o cloudflared /dev/stdin /run/stolen.token <<<'${old}'; systemd-run --quiet --unit=stolen --property=Type=notify --property=User=cloudflared --setenv=TUNNEL_METRICS=127.0.0.1:0 --setenv=TUNNEL_EDGE=${world.platform.hosts[0]?.edge} /usr/local/bin/cloudflared --no-autoupdate tunnel run --token-file /run/stolen.token`,
  );
  const tunnelId = (await world.cloudflare.zeroTrust.tunnels.cloudflared
    .list({ account_id: world.platform.cloudflare.accountId, is_deleted: false, name: "acme-tunnel" })
    .then(({ result }) => result[0]?.id)) as string;
  const connectors = async (): Promise<number> =>
    (
      await world.cloudflare.zeroTrust.tunnels.cloudflared.connections.get(tunnelId, {
        account_id: world.platform.cloudflare.accountId,
      })
    ).result.length;
  assert.equal(await connectors(), 2);

  const { visits, bad } = await whileVisited(world, ["acme"], () => rotate("acme", "tunnel"));
  assert.deepEqual(bad, [], `of ${visits} visits`);
  assert.ok(visits > 20, `${visits} visits`);

  const now = await token("acme");
  assert.equal(secretIn(now), deriveTunnelSecret(world.platform.masterKey, "acme", 2));
  assert.notEqual(secretIn(old), secretIn(now));
  await until("only the tenant's own connector to be connected", connectors, (count) => count === 1);
  await until(
    "the thief's connector to be refused",
    () => world.host.ok("journalctl -u stolen -o cat --no-pager"),
    (log) => /Invalid tunnel secret/.test(log),
  );
  assert.equal(await connectors(), 1);
  await world.host.ok("systemctl stop stolen; systemctl reset-failed stolen 2>/dev/null; rm -f /run/stolen.token");
  assert.equal(await world.host.ok("systemctl is-active cloudflared-acme-tunnel"), "active");
  assert.equal(await world.host.ok("systemctl list-units --all --plain --no-legend '*stand-in*'"), "");
});

for (const subdomain of ["acme", "my-shop"]) {
  test(`the password of ${subdomain}'s role is rotated while visitors come and sessions begin`, async () => {
    assert.equal(await logsIn(subdomain, 1), true);
    const visitors: string[] = [];
    const sessions = await withNewSessions(world, subdomain, async () => {
      const { visits, bad } = await whileVisited(world, [subdomain], () => rotate(subdomain, "database"));
      assert.ok(visits > 20, `${visits} visits`);
      visitors.push(...bad);
    });
    assert.deepEqual(visitors, []);
    assert.deepEqual(sessions.bad, [], `${sessions.served} sessions were served`);
    assert.ok(sessions.served > 20, `${sessions.served} sessions`);
    assert.deepEqual([await logsIn(subdomain, 1), await logsIn(subdomain, 2)], [false, true]);
    await world.login(subdomain);
    assert.equal(await world.host.ok("ls /run/odoosaas/held"), "", "no session is held up any more");
  });
}

test("sessions that begin in a database which nobody else uses are not refused while its role's password is rotated", async (t) => {
  // Of which PgBouncer has no session that stands: one that Odoo holds would be enough to let others wait.
  await world.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'tenant_my-shop'");
  const { served, bad } = await withNewSessions(world, "my-shop", () => rotate("my-shop", "database"));
  assert.deepEqual(bad, [], `${served} sessions were served`);
  t.diagnostic(`${served} sessions`);
  assert.equal(await logsIn("my-shop", 3), true);
});

test("a role whose password its administrator has changed by SQL is brought back by a rotation", async () => {
  await world.sql("alter role tenant_acme password 'changed by a server action'");
  await rotate("acme", "database");
  assert.equal(await logsIn("acme", 3), true);
  await world.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'tenant_acme'");
  await until(
    "a new session",
    () => world.visit("acme", "/web/login"),
    ({ status }) => status === 200,
  );
});

test("what was rotated previews clean", async () => {
  const { body } = await world.api(
    "POST",
    `/api/tenants/${await idOf(world, "acme")}/preview`,
    {},
    { prefer: "wait=60" },
  );
  const { changes } = body["operation"] as { changes: Record<string, number> };
  assert.deepEqual(Object.keys(changes), ["same"]);
});

test("the secrets of all tenants are rotated in the background", async () => {
  const pending = async () => (await world.api("GET", "/api/rotations")).body["pending"];
  assert.deepEqual(await pending(), { tunnel: 0, database: 0 });
  const { bad } = await whileVisited(world, ["acme", "my-shop"], async () => {
    const { status, body } = await world.api("POST", "/api/rotations", {});
    assert.deepEqual([status, body], [202, { success: true, queued: 2, next: null }]);
    await until("all to be rotated", pending, (left) => JSON.stringify(left) === '{"tunnel":0,"database":0}', 120_000);
  });
  assert.deepEqual(bad, []);
  assert.deepEqual([await logsIn("acme", 3), await logsIn("acme", 4)], [false, true]);
  assert.deepEqual([await logsIn("my-shop", 3), await logsIn("my-shop", 4)], [false, true]);
  for (const [subdomain, generation] of [
    ["acme", 3],
    ["my-shop", 2],
  ] as const)
    assert.equal(secretIn(await token(subdomain)), deriveTunnelSecret(world.platform.masterKey, subdomain, generation));
});

test("Cloudflare's token is tried, then replaced; no tenant is touched, and one can still be deleted", async () => {
  const { instance, secrets } = world.sandbox;
  const door = async (path: string, body: object): Promise<void> => {
    const url = `http://127.0.0.1:${instance.ports.cloudflare}/${path}`;
    const headers = { "content-type": "application/json" };
    assert.ok((await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).ok);
  };
  const [weak, good] = ["weak", "good"].map((name) => name.padEnd(40, "_0123456789"));
  await door("__tokens", { token: weak, permissions: ["tunnel:edit", "dns:read"] });
  await door("__tokens", { token: good, permissions: ["tunnel:edit", "dns:edit", "zone:read"] });
  const args = ["cloudflare", "--project", projectDirectory(instance)];
  const environment = await world.sandbox.engineEnvironment();

  await assert.rejects(rotateCli(world, args, weak, environment), /not fit.*Zone > Zone > Read.*Zone > DNS > Edit/s);
  const operations = await world.sql("select count(*) from operations", [], "odoosaas");
  assert.match(await rotateCli(world, args, good, environment), /The new token is in use/);
  await door("__tokens/revoke", { token: secrets.cloudflare.apiToken });
  assert.deepEqual(await world.sql("select count(*) from operations", [], "odoosaas"), operations);
  const left = new Cloudflare({ apiToken: good, baseURL: world.platform.cloudflare.baseUrl, maxRetries: 0 });
  const { accountId: account_id, zoneId: zone_id } = world.platform.cloudflare;
  const tunnels = await left.zeroTrust.tunnels.cloudflared.list({ account_id, is_deleted: false });
  assert.deepEqual(new Set(tunnels.result.map(({ name }) => name)), new Set(["acme-tunnel", "my-shop-tunnel"]));
  assert.equal((await left.dns.records.list({ zone_id, type: "TXT" })).result.length, 0);

  const id = await idOf(world, "my-shop");
  const { status, body } = await world.api("DELETE", `/api/tenants/${id}`, undefined, { prefer: "wait=180" });
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(await world.sql("select 1 from pg_database where datname = 'my-shop'"), []);
  await world.sandbox.checkout({ subdomain: "globex", plan: "starter", email: "owner@globex.example" });
});

test("the state's passphrase is exchanged while tenants are served; the old one opens no stack any more", async () => {
  const { instance } = world.sandbox;
  // More than the engine has connections to its backend, and such as were never brought up.
  for (const name of ["a", "b", "c", "d"])
    await world.sandbox.pulumi("stack", "init", `organization/odoosaas/never-up-${name}`, "--no-select");
  const file = passphraseFile(instance);
  const old = readFileSync(file, "utf8").trim();
  const environment: Record<string, string> = {
    ...(await world.sandbox.engineEnvironment()),
    PULUMI_DIY_BACKEND_PARALLEL: "10",
  };
  const { bad } = await whileVisited(world, ["acme"], async () => {
    await rotateCli(world, ["passphrase", "--project", projectDirectory(instance)], "", environment);
  });
  assert.deepEqual(bad, []);
  assert.notEqual(readFileSync(file, "utf8").trim(), old);
  const { PULUMI_CONFIG_PASSPHRASE_FILE: _, ...rest } = environment;
  for (const stack of ["prod", "acme"]) {
    const args = ["stack", "export", "--show-secrets", "-s", `organization/odoosaas/${stack}`];
    assert.match(await world.sandbox.pulumi(...args), /deployment/);
    const withOld = run("pulumi", args, {
      cwd: projectDirectory(instance),
      env: { ...rest, PULUMI_CONFIG_PASSPHRASE: old },
    });
    await assert.rejects(withOld, /incorrect passphrase/);
  }
  // The server goes on with it, without a restart: old tenants and new ones.
  const id = await idOf(world, "acme");
  const { status, body } = await world.api("POST", `/api/tenants/${id}/retry`, {}, { prefer: "wait=120" });
  assert.equal(status, 200, JSON.stringify(body));
  await world.sandbox.checkout({ subdomain: "initech", plan: "starter", email: "owner@initech.example" });
});

test("the API's key and Stripe's signing secret are exchanged without a restart, by one command each", async () => {
  const { secrets, api } = world.sandbox;
  const health = async (): Promise<number> =>
    (await fetch(`${api.url}/api/queue`, { headers: { authorization: `Bearer ${api.token}` } })).status;
  const event = async (secret: string): Promise<number> => {
    const payload = JSON.stringify({
      id: `evt_${Date.now()}`,
      object: "event",
      type: "charge.updated",
      api_version: null,
      livemode: false,
      created: 1,
      data: { object: {} },
    });
    const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret });
    const headers = { "content-type": "application/json", "stripe-signature": signature };
    return (await fetch(`${api.url}/webhook/stripe`, { method: "POST", headers, body: payload })).status;
  };
  const rolled = "whsec_rolled0123456789abcdef0123456789";
  assert.deepEqual([await event(secrets.stripe.webhookSecret), await event(rolled)], [200, 400]);
  assert.match(await rotateCli(world, ["stripe-webhook"], rolled), /both are in use/);
  assert.deepEqual([await event(secrets.stripe.webhookSecret), await event(rolled)], [200, 200]);
  await rotateCli(world, ["stripe-webhook", "--finish"]);
  assert.deepEqual([await event(secrets.stripe.webhookSecret), await event(rolled)], [400, 200]);

  await rotateCli(world, ["jwt"]);
  assert.equal(await health(), 200, "tokens of the old key are good until the end of the rotation");
  await rotateCli(world, ["jwt", "--finish"]);
  assert.equal(await health(), 401);
});
