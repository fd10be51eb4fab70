import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { CHECKOUT, projectDirectory } from "../../../sandbox/lifecycle/project.ts";
import { jwtSecretFile } from "../../../sandbox/lifecycle/secrets.ts";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";
import { type Asked, askDocumented, type Documented, type Json, PORT, startShop } from "./shop.ts";

// What an operator does to a container's own tunnel: by the API and from a terminal.
const TUNNEL = "/api/tunnels/shop-tunnel";
const ELSEWHERE = "operators-laptop";
const STACK = "organization/odoosaas/tunnel.shop";

let world: World;
before(async () => {
  world = await startWorld();
  const made = await ask("POST", "/api/tunnels", await startShop(world), { prefer: "wait=60" });
  assert.equal(made.status, 200, JSON.stringify(made.body));
});
after(() => world?.close());

const ask = (...asked: Asked): Promise<Documented> => askDocumented(world, ...asked);

/** Keys of the stack's locks in the state backend. */
async function locks(): Promise<string[]> {
  const rows = await world.sql<{ key: string }>(
    "select key from pulumi_state where key like '%.pulumi/locks/%/tunnel.shop/%'",
    [],
    "pulumi",
  );
  return rows.map(({ key }) => key);
}

/** The engine's own, of an update by hand that is killed with -9, as if that had been on another machine. */
async function lockLeftBehind(): Promise<void> {
  const child = spawn("pulumi", ["refresh", "--yes", "--skip-preview", "-s", STACK], {
    cwd: projectDirectory(world.sandbox.instance),
    env: await world.sandbox.engineEnvironment(),
    stdio: "ignore",
  });
  const exit = once(child, "exit");
  await until("the update's lock", locks, (found) => found.length === 1);
  child.kill("SIGKILL");
  await exit;
  const [key] = await locks();
  assert.ok(key !== undefined, "the lock stays behind");
  // Of this machine, it would be taken for a run's own that ended within the same seconds, and broken.
  const [row] = await world.sql<{ data: { data: string } }>(
    "select data from pulumi_state where key = $1",
    [key],
    "pulumi",
  );
  const lock = JSON.parse(Buffer.from(row?.data.data ?? "", "base64").toString()) as Json;
  const moved = Buffer.from(JSON.stringify({ ...lock, hostname: ELSEWHERE })).toString("base64");
  const move = "update pulumi_state set data = $2 where key = $1";
  await world.sql(move, [key, JSON.stringify({ ...row?.data, data: moved })], "pulumi");
}

/** As an operator on the server's machine. */
async function cli(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const { instance, api } = world.sandbox;
  const child = spawn(process.execPath, [join(CHECKOUT, "automation/cli.ts"), "tunnels", ...args], {
    env: { ...process.env, API_URL: api.url, JWT_SECRET_FILE: jwtSecretFile(instance) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit") as Promise<[number | null]>,
  ]);
  return { code, out, err };
}

test("what a run would change is computed beforehand", async () => {
  const { status, body } = await ask("POST", `${TUNNEL}/preview`, undefined, { prefer: "wait=60" });
  const { kind, status: end, changes, tunnel_name } = body["operation"] as Json;
  assert.deepEqual([status, kind, end, tunnel_name], [200, "preview", "succeeded", "shop-tunnel"]);
  assert.deepEqual(Object.keys(changes as Json), ["same"]);
});

test("a lock that an operator's dead update has left stalls it, until an operator vouches for that", async () => {
  await lockLeftBehind();
  const refused = await ask("POST", `${TUNNEL}/retry`, undefined, { prefer: "wait=60" });
  assert.deepEqual([refused.status, refused.body["type"]], [502, "/problems/OperationFailed"]);
  const { tunnel } = (await ask("GET", TUNNEL)).body as { tunnel: Json };
  assert.equal(tunnel["state_reason"], "lock-held");
  assert.match(String(tunnel["next_step"]), /Unlock/);
  assert.equal((await locks()).length, 1, "an unknown process's lock is left alone");

  const unlocked = await ask("POST", `${TUNNEL}/unlock`, undefined, { prefer: "wait=60" });
  assert.equal(unlocked.status, 200, JSON.stringify(unlocked.body));
  assert.deepEqual(await locks(), []);
  assert.equal((await world.visit("shop", "/")).status, 200);
  const { lines } = (await ask("GET", "/api/audit?subject_type=tunnel&limit=100")).body as { lines: Json[] };
  const unlocks = lines.filter(({ action }) => action === "tunnel.unlock");
  assert.ok(
    unlocks.some((line) => JSON.stringify(line["after"]).includes(ELSEWHERE)),
    "whose lock was broken",
  );
});

test("all that stalled for one reason are run again at once", async () => {
  await lockLeftBehind();
  assert.equal((await ask("POST", `${TUNNEL}/retry`, undefined, { prefer: "wait=60" })).status, 502);
  await world.sandbox.pulumi("cancel", "--yes", "-s", STACK);
  const { status, body } = await ask("POST", "/api/retries", { reason: "lock-held" });
  assert.deepEqual([status, body["queued"]], [202, 1]);
  const state = async (): Promise<unknown> => ((await ask("GET", TUNNEL)).body["tunnel"] as Json)["state"];
  await until("the tunnel to be active again", state, (now) => now === "active");
});

test("a terminal follows what is done to a tunnel to its end, and tells when that is bad", async () => {
  const { domain } = world.sandbox.instance;
  const asked = ["--subscription", "sub_cli", "--host", "105", "--port", String(PORT), "--hostname", `cli.${domain}`];
  const zone_id = world.platform.cloudflare.zoneId;
  const foreign = { zone_id, type: "A", name: `cli.${domain}`, content: "192.0.2.1", ttl: 1 } as const;
  const { id } = await world.cloudflare.dns.records.create(foreign);
  const refused = await cli("create", ...asked);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /operation \d+ stalled: name-taken: the DNS record cli\./);

  await world.cloudflare.dns.records.delete(id, { zone_id });
  const retried = await cli("retry", "cli-tunnel");
  assert.match(retried.out, /kind +provision\nstatus +succeeded\n/, retried.err);
  assert.match(retried.err, /• engine\n[^]*create cli-tunnel.* \([\d.]+ s\)\n/);
  assert.equal((await world.visit("cli", "/")).status, 200);
  const previewed = await cli("preview", "cli-tunnel");
  assert.match(previewed.out, /kind +preview\nstatus +succeeded\n/, previewed.err);
  const deleted = await cli("delete", "cli-tunnel", "--yes");
  assert.match(deleted.out, /kind +delete\nstatus +succeeded\n/, deleted.err);
  assert.equal((await cli("show", "cli-tunnel")).code, 1);
});
