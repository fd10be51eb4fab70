import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  derivePassword,
  deriveStandaloneTunnelSecret,
  deriveTunnelSecret,
} from "../../../components/tenant/secrets.ts";
import { withAdministratorsKey } from "../../../sandbox/lifecycle/administrator.ts";
import { projectDirectory } from "../../../sandbox/lifecycle/project.ts";
import { run } from "../../../sandbox/run.ts";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";
import { idOf, opensPostgres, retried, rotateCli } from "./rotating.ts";
import { whileVisited } from "./while-visited.ts";

// The key that tenants' own secrets are derived from takes the place of one that has leaked, while visitors come.
let world: World;
let environment: Record<string, string>;
before(async () => {
  world = await startWorld();
  environment = await world.sandbox.engineEnvironment();
  for (const subdomain of ["acme", "my-shop"])
    await world.sandbox.checkout({ subdomain, plan: "starter", email: `owner@${subdomain}.example` });
  await done("POST", `/api/tenants/${await idOf(world, "my-shop")}/suspend`);
  const hostname = `bar.${world.sandbox.instance.domain}`;
  await done("POST", "/api/tunnels", { subscription_id: "sub_bar", container_id: 105, local_port: 8090, hostname });
});
after(() => world?.close());

async function done(method: string, path: string, body?: object): Promise<void> {
  const answer = await world.api(method, path, body, { prefer: "wait=120" });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
}

const rotate = (...args: string[]): Promise<string> =>
  withAdministratorsKey(world.sandbox.secrets, (agent) =>
    rotateCli(world, ["master-key", "--project", projectDirectory(world.sandbox.instance), ...args], "", {
      ...environment,
      ...agent,
    }),
  );

const configured = (key: string): Promise<string> =>
  world.sandbox.pulumi("config", "get", `odoosaas:${key}`, "-s", "organization/odoosaas/prod");

async function secretOf(label: string): Promise<unknown> {
  const token = await world.host.ok(`cat /etc/cloudflared/${label}-tunnel.token`);
  return (JSON.parse(Buffer.from(token, "base64").toString()) as { s: unknown }).s;
}

/** Whether the role of a tenant lets the password in that a key gives. */
async function lets(subdomain: string, masterKey: string, generation: number): Promise<boolean> {
  const password = derivePassword(masterKey, subdomain, "postgres-role", generation);
  return opensPostgres(world, `tenant_${subdomain}`, password);
}

const pending = async (): Promise<unknown> => (await world.api("GET", "/api/rotations")).body["pending"];
const NONE = '{"tunnel":0,"database":0}';

test("all that is derived follows another master key while visitors come, and nothing is taken for another's", async () => {
  const old = world.platform.masterKey;
  const { bad, visits } = await whileVisited(world, ["acme"], async () => {
    assert.match(await rotate(), /The new key is in use, and 3 tenants and tunnels are queued/);
    assert.equal(await configured("formerMasterKey"), old);
    await until("all to follow", pending, (left) => JSON.stringify(left) === NONE, 180_000);
  });
  assert.deepEqual(bad, [], `of ${visits} visits`);
  const next = (await configured("masterKey")).trim();
  assert.notEqual(next, old);
  for (const subdomain of ["acme", "my-shop"]) {
    assert.deepEqual([await lets(subdomain, old, 1), await lets(subdomain, next, 2)], [false, true], subdomain);
    assert.equal(await secretOf(subdomain).catch(() => "stopped"), deriveTunnelSecret(next, subdomain, 2), subdomain);
  }
  assert.equal(await secretOf("bar"), deriveStandaloneTunnelSecret(next, "bar", 2));
});

test("an interrupted exchange cannot be finished, and goes on when it is run again", async () => {
  // As a command leaves it that was killed before it had queued all.
  await world.sandbox.pulumi("config", "rm", "odoosaas:masterKeySince", "-s", "organization/odoosaas/prod");
  await assert.rejects(rotate("--finish"), /was interrupted. Nothing was changed/);
  const next = (await configured("masterKey")).trim();
  assert.match(await rotate(), /The new key is in use/);
  assert.equal((await configured("masterKey")).trim(), next, "it is the same exchange");
  await until("all to follow", pending, (left) => JSON.stringify(left) === NONE, 180_000);
  assert.equal(await lets("acme", next, 3), true);
});

test("the former key is forgotten only when nothing has secrets of it, and the platform goes on without it", async () => {
  const next = (await configured("masterKey")).trim();
  const set =
    "update tenant_deployments set applied_secrets = jsonb_set(applied_secrets, '{tunnel}', $1) where subdomain = 'acme'";
  await world.sql(set, ["2"], "odoosaas");
  await assert.rejects(rotate("--finish"), /1 secrets of the former key are still in use/);
  await world.sql(set, ["3"], "odoosaas");
  assert.match(await rotate("--finish"), /The former key opens nothing/);
  await assert.rejects(rotate("--finish"), /There is no former master key/);
  await assert.rejects(configured("formerMasterKey"));

  await retried(world, "acme");
  await done("POST", `/api/tenants/${await idOf(world, "my-shop")}/resume`);
  assert.equal((await world.visit("my-shop", "/web/login")).status, 200);
  await world.sandbox.checkout({ subdomain: "umbrella", plan: "starter", email: "owner@umbrella.example" });
  const first = async (subdomain: string) =>
    world.api("POST", `/api/tenants/${await idOf(world, subdomain)}/initial-password`);
  const told = await first("umbrella");
  assert.deepEqual([told.status, told.body["password"]], [200, derivePassword(next, "umbrella", "odoo-admin")]);
  const unknown = await first("acme");
  assert.deepEqual([unknown.status, unknown.body["type"]], [409, "/problems/MasterKeyReplaced"]);
  await world.login("acme"); // its first password is still the one it was made with
});

test("a key that was set by hand stalls what is tried again, until the former one is named beside it", async () => {
  const former = (await configured("masterKey")).trim();
  const byHand = async (key: string, value: string): Promise<void> => {
    const stack = ["-s", "organization/odoosaas/prod"];
    await world.sandbox.pulumi("config", "set", "--secret", `odoosaas:${key}`, value, ...stack);
    await withAdministratorsKey(world.sandbox.secrets, (agent) =>
      run("pulumi", ["up", "--yes", "--skip-preview", ...stack], {
        cwd: projectDirectory(world.sandbox.instance),
        env: { ...environment, ...agent },
      }),
    );
    assert.equal((await world.api("POST", "/api/secrets/reload")).status, 200);
  };
  const by = "a-key-that-somebody-has-set-by-hand-alone";
  await byHand("masterKey", by);
  const path = `/api/tenants/${await idOf(world, "acme")}/retry`;
  const refused = await world.api("POST", path, {}, { prefer: "wait=120" });
  assert.match(String(refused.body["detail"]), /name-taken: the Cloudflare tunnel acme-tunnel .* has another secret/);
  assert.equal((await world.visit("acme", "/web/login")).status, 200);

  await byHand("formerMasterKey", former);
  await retried(world, "acme");
  assert.equal(await lets("acme", by, 3), true);
  assert.equal((await world.visit("acme", "/web/login")).status, 200);
  await done("DELETE", `/api/tenants/${await idOf(world, "acme")}`);
  assert.deepEqual(await world.sql("select 1 from pg_database where datname = 'acme'"), []);
});
