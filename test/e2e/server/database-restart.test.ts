import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { identify, isAlive, signalProcess } from "../../../sandbox/host/process-identity.ts";
import { sendCheckout } from "../../../sandbox/lifecycle/checkout.ts";
import { postgresPaths } from "../../../sandbox/postgres/configuration.ts";
import { startPostgres, type PostgresServer } from "../../../sandbox/postgres/server.ts";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";
import { assertAuditHolds, locksOf, presence, tenantRow, wholeTenant } from "./effects.ts";

// The one PostgreSQL of a small installation holds all there is: rows, queue, stacks' states and tenants' databases. It
// goes away while tenants are being made, and comes back.
let world: World;
let postgres: PostgresServer | undefined;
before(async () => {
  world = await startWorld();
});
after(async () => {
  await world?.close();
  await postgres?.process.stop();
});

interface Delivery {
  event: string;
  state: string;
  /** HTTP status or error of the last try. */
  last: string | null;
}

async function deliveries(): Promise<Delivery[]> {
  const answer = await fetch(`http://127.0.0.1:${world.sandbox.instance.ports.stripe}/__sandbox/deliveries`);
  return ((await answer.json()) as { deliveries: Delivery[] }).deliveries;
}

async function pay(subdomain: string): Promise<void> {
  await sendCheckout(world.sandbox.instance, { subdomain, plan: "starter", email: `owner@${subdomain}.example` });
}

function serverProcess() {
  const log = readFileSync(join(world.sandbox.instance.directory, "logs", "api.log"), "utf8");
  const { pid } = JSON.parse(log.split("\n").find((line) => line.startsWith("{")) ?? "{}") as { pid: number };
  const found = identify(pid);
  assert.ok(found, "the server runs");
  return found;
}

/** PostgreSQL's first process is the first line of its file of that name. */
function postmaster() {
  const { data } = postgresPaths(world.sandbox.instance);
  const found = identify(Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]));
  assert.ok(found, "PostgreSQL runs");
  return found;
}

/** The orphans of one that was killed hold its memory for a moment, in which a new one refuses to start. */
async function startAgain(): Promise<void> {
  const { instance, secrets } = world.sandbox;
  const options = { password: secrets.postgresSuperuser, listen: ["127.0.0.1", instance.network.gateway] };
  postgres = await until(
    "PostgreSQL to start again",
    async () => await startPostgres(instance, options, () => {}).catch(() => undefined),
    (server) => server !== undefined,
    60_000,
  );
}

async function runningOperations(): Promise<number> {
  const [row] = await world.sql<{ running: number }>(
    "select count(*)::int as running from operations where status = 'running'",
    [],
    "odoosaas",
  );
  return row?.running ?? 0;
}

for (const [how, signal] of [
  ["is restarted", "SIGINT"], // "fast shutdown"
  ["is killed", "SIGKILL"],
] as const) {
  test(`PostgreSQL ${how} while tenants are being made: every customer who paid gets a tenant`, async (t) => {
    const server = serverProcess();
    const names = (word: string, count: number) =>
      Array.from({ length: count }, (_, n) => `${signal.toLowerCase()}-${word}-${n}`);
    const [early, meanwhile] = [names("early", 4), names("meanwhile", 2)];
    await Promise.all(early.map(pay));
    await until("tenants to be under way", runningOperations, (running) => running >= 2, 30_000);
    const engineRuns = await until(
      "an engine to write",
      () => locksOf(world),
      (locks) => locks.length > 0,
      30_000,
    );
    assert.ok(engineRuns.length > 0);

    const before_ = postmaster();
    signalProcess(before_, signal);
    await until(
      "PostgreSQL's end",
      () => isAlive(before_),
      (alive) => !alive,
      20_000,
    );
    await Promise.all(meanwhile.map(pay));
    const refused = await until(
      "events to be refused while the database is down",
      deliveries,
      (all) => all.some(({ state, last }) => state !== "delivered" && last === "503"),
      30_000,
    );
    assert.deepEqual(
      refused.map(({ last }) => last).filter((last) => last !== null && !/^(200|5\d\d)$/.test(last)),
      [],
    );
    await startAgain();
    const backAt = Date.now();

    for (const subdomain of [...early, ...meanwhile]) {
      await until(
        `${subdomain} to be active`,
        () => tenantRow(world, subdomain),
        (row) => row?.state === "active",
        240_000,
      );
    }
    t.diagnostic(`all ${early.length + meanwhile.length} active ${(Date.now() - backAt) / 1_000} s after it came back`);
    for (const subdomain of [...early, ...meanwhile]) {
      assert.deepEqual(await presence(world, subdomain), wholeTenant("active"), subdomain);
      await world.login(subdomain);
    }
    assert.ok(isAlive(server), "the server's process lives on");
    assert.equal((await fetch(`${world.sandbox.api.url}/readyz`)).status, 200);

    const sent = await until(
      "every event to arrive",
      deliveries,
      (all) => all.every(({ state }) => state === "delivered"),
      120_000,
    );
    const stored = await world.sql<{ id: string }>(
      "select id from stripe_events where handled_at is not null",
      [],
      "odoosaas",
    );
    const known = new Set(stored.map(({ id }) => id));
    assert.deepEqual(
      sent.filter(({ event }) => !known.has(event)),
      [],
    );
    await assertAuditHolds(world);
  });
}
