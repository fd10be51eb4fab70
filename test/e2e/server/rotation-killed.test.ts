import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { opens } from "../../../automation/engine/passphrase.ts";
import { passphraseFile } from "../../../sandbox/engine/environment.ts";
import { CHECKOUT, projectDirectory, stackFile } from "../../../sandbox/lifecycle/project.ts";
import { jwtSecretFile } from "../../../sandbox/lifecycle/secrets.ts";
import { run } from "../../../sandbox/run.ts";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";
import { retried } from "./rotating.ts";
import { whileVisited } from "./while-visited.ts";

// `rotate passphrase` is killed with -9 wherever it may be, and run again. In between the server goes on.
let world: World;
const TENANTS = ["acme", "my-shop"];
before(async () => {
  world = await startWorld();
  for (const subdomain of TENANTS)
    await world.sandbox.checkout({ subdomain, plan: "starter", email: `owner@${subdomain}.example` });
});
after(() => world?.close());

const nameOf = (stack: string): string => `organization/odoosaas/${stack}`;
const read = (file: string): string => readFileSync(file, "utf8").trim();

interface Command {
  /** What it has said on standard error so far. */
  said(): string;
  killed(): Promise<void>;
  ended(): Promise<number | null>;
}

/** As an operator on the server's machine. `env`: beside the engine's. */
async function rotate(env: Record<string, string> = {}): Promise<Command> {
  const { instance, api } = world.sandbox;
  const child = spawn(
    process.execPath,
    [join(CHECKOUT, "automation/cli.ts"), "rotate", "passphrase", "--project", projectDirectory(instance)],
    {
      cwd: CHECKOUT,
      env: {
        ...(await world.sandbox.engineEnvironment()),
        API_URL: api.url,
        JWT_SECRET_FILE: jwtSecretFile(instance),
        ...env,
      },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const exit = once(child, "exit") as Promise<[number | null]>;
  return {
    said: () => said,
    async killed() {
      child.kill("SIGKILL");
      await exit;
    },
    ended: async () => (await exit)[0],
  };
}

const STATE = (stack: string): string => `%.pulumi/stacks/odoosaas/${stack}.json`;

/** Kills the command while the engine, with the stack's lock, is about to write this stack's state. */
async function killedInWriting(stack: string, isWritten: boolean): Promise<void> {
  const blocker = await world.connect("pulumi");
  try {
    await blocker.query("begin");
    const held = await blocker.query("select 1 from pulumi_state where key like $1 for update", [STATE(stack)]);
    assert.equal(held.rowCount, 1);
    const command = await rotate();
    const waiting = async (): Promise<{ pid: number }[]> =>
      (
        await world.sql<{ pid: number }>(
          "select pid from pg_stat_activity where datname = 'pulumi' and wait_event_type = 'Lock'",
        )
      ).slice(0, 1);
    const [writer] = await until("the engine to write", waiting, (found) => found.length === 1);
    await command.killed();
    // What PostgreSQL has heard of, it does, whether or not the engine is still there.
    if (!isWritten) await world.sql("select pg_terminate_backend($1)", [writer?.pid]);
    await blocker.query("rollback");
    const locks = await blocker.query("select 1 from pulumi_state where key like $1", [`%.pulumi/locks/%/${stack}/%`]);
    assert.equal(locks.rowCount, 1, "the engine's lock stays behind");
  } finally {
    await blocker.end();
  }
}

/** Kills the command when it is about to call the engine so; as the engine's command, a script that does this. */
async function killedBefore(call: string): Promise<void> {
  const script = join(world.sandbox.instance.directory, "killing-pulumi");
  const reached = `${script}.reached`;
  const { PATH = "" } = await world.sandbox.engineEnvironment();
  writeFileSync(script, `#!/bin/sh\ncase "$*" in *'${call}'*) : >'${reached}'; sleep 60 ;; esac\nexec pulumi "$@"\n`);
  chmodSync(script, 0o700);
  const command = await rotate({ PULUMI_COMMAND: script, PATH });
  await until(
    `"${call}": ${command.said()}`,
    async () => existsSync(reached),
    (there) => there,
  );
  await command.killed();
  await run("rm", ["-f", script, reached], {});
}

/** When the new passphrase is in use already, and the server is about to be told. */
async function killedAfterTheSwap(): Promise<void> {
  const file = passphraseFile(world.sandbox.instance);
  const old = read(file);
  const command = await rotate();
  await until(
    "the last tenant",
    async () => command.said(),
    (said) => said.includes("my-shop"),
  );
  const blocker = await world.connect("odoosaas");
  try {
    await blocker.query("begin; lock table audit_log in exclusive mode"); // nothing can be asked of the server now
    await until(
      "the new passphrase in its place",
      async () => read(file),
      (now) => now !== old,
    );
    await command.killed();
  } finally {
    await blocker.end();
  }
}

/** All that the backend keeps, by which passphrase opens it. */
async function saltsIn(): Promise<{ key: string; salt: string }[]> {
  const client = await world.connect("pulumi");
  try {
    const { rows } = await client.query<{ key: string; text: string }>(
      "select key, convert_from(decode(data->>'data', 'base64'), 'UTF8') as text from pulumi_state where key like '%odoosaas%' order by key",
    );
    return rows.flatMap(({ key, text }) =>
      [...text.matchAll(/"(v1:[A-Za-z0-9+/=]+:v1:[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+)"/g)].map(([, salt = ""]) => ({
        key,
        salt,
      })),
    );
  } finally {
    await client.end();
  }
}

/** `locked`: the stack whose lock stays behind, so that the server has to wait for the second command. */
const POINTS: Readonly<Record<string, { kill: () => Promise<void>; locked?: string }>> = {
  "before the first stack": {
    kill: () => killedBefore(`change-secrets-provider passphrase --stack ${nameOf("acme")}`),
  },
  "between two stacks": {
    kill: () => killedBefore(`change-secrets-provider passphrase --stack ${nameOf("my-shop")}`),
  },
  "in the middle of a stack, before it is written": {
    kill: () => killedInWriting("my-shop", false),
    locked: "my-shop",
  },
  "in the middle of a stack, after it is written": { kill: () => killedInWriting("acme", true), locked: "acme" },
  "in the middle of the platform's stack": { kill: () => killedInWriting("prod", true) },
  "after the last, before its file": { kill: () => killedBefore(`stack init ${nameOf("prod")}`) },
  "after the swap": { kill: killedAfterTheSwap },
};

for (const [point, { kill, locked }] of Object.entries(POINTS)) {
  test(`killed ${point} and run again, the passphrase is exchanged; the server works all the time`, async () => {
    const { instance } = world.sandbox;
    const file = passphraseFile(instance);
    const old = read(file);
    const { bad, visits } = await whileVisited(world, TENANTS, async () => {
      await kill();
      const { body } = await world.api("GET", "/api/queue");
      assert.ok(body["paused_until"] !== null, "the pause ends by itself");
      // As if it had ended.
      await world.api("POST", "/api/queue/unpause");
      assert.equal((await world.api("POST", "/api/secrets/reload")).status, 200);
      for (const subdomain of TENANTS) if (subdomain !== locked) await retried(world, subdomain);

      const again = await rotate();
      assert.equal(await again.ended(), 0, again.said());
    });
    assert.deepEqual(bad, [], `of ${visits} visits`);
    const now = read(file);
    assert.notEqual(now, old);
    assert.ok(!existsSync(`${file}.next`));
    assert.equal((await world.api("GET", "/api/queue")).body["paused"], false);

    const { PULUMI_CONFIG_PASSPHRASE_FILE: _, ...environment } = await world.sandbox.engineEnvironment();
    for (const stack of ["prod", ...TENANTS]) {
      const args = ["stack", "export", "--show-secrets", "-s", nameOf(stack)];
      assert.match(await world.sandbox.pulumi(...args), /deployment/);
      const cwd = projectDirectory(instance);
      const withOld = run("pulumi", args, { cwd, env: { ...environment, PULUMI_CONFIG_PASSPHRASE: old } });
      await assert.rejects(withOld, /incorrect passphrase/);
    }
    assert.match(await world.sandbox.pulumi("config", "--show-secrets", "-s", nameOf("prod")), /masterKey/);
    const salts = await saltsIn();
    for (const { key, salt } of salts) {
      assert.equal(await opens(old, salt), false, `the old passphrase opens ${key}`);
      assert.equal(await opens(now, salt), true, `the new passphrase does not open ${key}`);
    }
    assert.ok(salts.length >= 3, `${salts.length} states`);
    const inFile = /^encryptionsalt:\s*"?(v1:[^\s"]+)/m.exec(readFileSync(stackFile(instance, "prod"), "utf8"))?.[1];
    assert.ok(inFile !== undefined && (await opens(now, inFile)), "the platform's stack file");
    for (const subdomain of TENANTS) await retried(world, subdomain);
  });
}
