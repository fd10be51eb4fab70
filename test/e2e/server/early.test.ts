import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Stripe } from "stripe";
import { freePort } from "../../free-port.ts";
import { Database } from "../../../automation/db/database.ts";
import { startPostgres } from "../../postgres.ts";
import { until } from "../../until.ts";

const SECRET = "whsec_of_this_test_1234567890";

/** The server as a process, with an engine's command line that does not answer before `door` exists. */
async function startServer(t: TestContext): Promise<{
  url: string;
  database: Database;
  answerOfEngine: () => Promise<void>;
  stop: () => Promise<number | null>;
  log: () => string;
}> {
  const postgres = await startPostgres(t);
  const directory = await mkdtemp(join(tmpdir(), "odoosaas-early-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const [door, command] = [join(directory, "door"), join(directory, "pulumi")];
  await writeFile(
    command,
    `#!/bin/sh\nwhile [ ! -e "${door}" ]; do sleep 0.05; done\necho "no such backend" >&2\nexit 1\n`,
  );
  await chmod(command, 0o755);
  const port = await freePort();
  const server = spawn(process.execPath, [new URL("../../../automation/main.ts", import.meta.url).pathname], {
    env: {
      PATH: process.env["PATH"],
      DATABASE_URL: postgres.url,
      PULUMI_BACKEND_URL: "file:///nowhere",
      PULUMI_COMMAND: command,
      PORT: String(port),
      JWT_SECRET: "a-secret-for-tests-of-32-characters",
      STRIPE_API_KEY: "sk_test_1234567890",
      STRIPE_WEBHOOK_SECRET: SECRET,
      STRIPE_PRICES: JSON.stringify({ price_1: "starter" }),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const exited = once(server, "exit") as Promise<[number | null]>;
  const database = new Database(postgres.url, { connections: 2 });
  t.after(async () => {
    server.kill("SIGKILL");
    await exited;
    await database.end();
  });
  return {
    url: `http://127.0.0.1:${port}`,
    database,
    log: () => log,
    answerOfEngine: async () => writeFile(door, ""),
    stop: async () => {
      server.kill("SIGTERM");
      return (await exited)[0];
    },
  };
}

async function answer(url: string, init?: RequestInit): Promise<{ status: number; text: string }> {
  const response = await fetch(url, init).catch(() => undefined);
  return { status: response?.status ?? 0, text: (await response?.text()) ?? "" };
}

test("the server lives and stores events while its engine does not answer yet, and is not ready; told to stop, it stops", async (t) => {
  const { url, database, stop, log } = await startServer(t);
  await until(
    "the server to listen",
    async () => ({ ...(await answer(`${url}/livez`)), log: log() }),
    ({ status }) => status === 200,
    30_000,
  );
  const { status, text } = await answer(`${url}/readyz`);
  const { checks } = JSON.parse(text) as { checks: Record<string, { ok: boolean }> };
  assert.equal(status, 503);
  assert.deepEqual(
    Object.entries(checks).map(([name, { ok }]) => [name, ok]),
    [
      ["database", true],
      ["platform", false],
      ["queue", true],
      ["engine", false],
    ],
  );
  const payload = JSON.stringify({
    id: "evt_early",
    object: "event",
    type: "customer.subscription.created",
    api_version: "2026-01-01",
    created: Math.floor(Date.now() / 1000),
    livemode: false,
    data: { object: { id: "sub_1", object: "subscription", customer: "cus_1" } },
  });
  const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret: SECRET });
  const headers = { "stripe-signature": signature, "content-type": "application/json" };
  const delivered = await answer(`${url}/webhook/stripe`, { method: "POST", body: payload, headers });
  assert.equal(delivered.status, 200, delivered.text);
  assert.equal((await database.query("select from stripe_events where id = 'evt_early'")).rowCount, 1);
  assert.equal(await stop(), 0, log());
});

test("an engine that cannot work ends the server, which says why", async (t) => {
  const { url, answerOfEngine, log } = await startServer(t);
  await until(
    "the server to listen",
    async () => ({ ...(await answer(`${url}/livez`)), log: log() }),
    ({ status }) => status === 200,
    30_000,
  );
  await answerOfEngine();
  await until(
    "the end",
    () => log(),
    (text) => text.includes("the server could not go on"),
    20_000,
  );
  assert.match(log(), /no such backend/);
  await until(
    "nobody to listen",
    () => answer(`${url}/livez`),
    ({ status }) => status === 0,
    20_000,
  );
});
