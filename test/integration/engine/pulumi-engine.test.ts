import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import pg from "pg";
import { EngineFailure } from "../../../automation/engine/engine.ts";
import { PulumiEngine } from "../../../automation/engine/pulumi-engine.ts";
import { filePostgres } from "../../database.ts";

const postgres = await filePostgres();

const STACK = "organization/odoosaas/acme";

/** An engine whose CLI is a script. */
async function engineWith(
  t: TestContext,
  script: string,
  backendUrl: string,
  log?: (line: string) => void,
): Promise<PulumiEngine> {
  const directory = await mkdtemp(join(tmpdir(), "odoosaas-cli-"));
  const command = join(directory, "pulumi");
  await writeFile(command, `#!/bin/sh\n${script}\n`);
  await chmod(command, 0o700);
  const engine = new PulumiEngine({
    command,
    version: "3.0.0",
    env: { PATH: process.env["PATH"] ?? "", PULUMI_BACKEND_URL: backendUrl },
    pulumiHome: directory,
    secrets: () => ({ provider: "passphrase" }),
    programModule: "file:///none",
    parallelism: 1,
    plugins: [],
    ...(log && { log }),
  });
  t.after(async () => {
    await engine.close();
    await rm(directory, { recursive: true });
  });
  return engine;
}

// What the CLI says (v3.259.0) when whoever was making the stack was killed in the middle.
const LOCKED = `
case "$1 $2" in
  "stack init") echo "error: could not create stack: the stack is currently locked by 1 lock(s)." >&2; exit 255 ;;
  "cancel --yes") echo "error: no stack named 'acme' found" >&2; exit 255 ;;
esac`;

test("a lock on a stack that was about to be made is told as a lock, not as an engine that cannot work", async (t) => {
  const engine = await engineWith(t, LOCKED, "file:///nowhere");
  await assert.rejects(engine.createStack(STACK), (error) => error instanceof EngineFailure && error.kind === "locked");
});

test("the lock of a stack that does not exist is removed, and no other", async (t) => {
  const { url } = postgres;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.after(() => client.end());
  await client.query("create table pulumi_state (key text primary key, data json not null)");
  const keys = ["acme/1.json", "acme/2.json", "acme-2/1.json"].map(
    (key) => `pulumi/.pulumi/locks/organization/odoosaas/${key}`,
  );
  for (const key of keys) await client.query("insert into pulumi_state values ($1, '{}')", [key]);
  const engine = await engineWith(t, LOCKED, url);
  await engine.unlock(STACK);
  const { rows } = await client.query<{ key: string }>("select key from pulumi_state");
  assert.deepEqual(
    rows.map(({ key }) => key),
    [keys[2]],
  );
});

test("a stack that was made and never updated has an empty state", async (t) => {
  const engine = await engineWith(t, `echo '{"version": 3, "deployment": null}'`, "file:///nowhere");
  assert.deepEqual(await engine.exportState(STACK), { version: 3, deployment: {} });
});

test("an empty stack is removed again, without force; when it cannot be, that is only told", async (t) => {
  const told: string[] = [];
  const engine = await engineWith(t, `echo "$@" >&2; exit 255`, "file:///nowhere", (line) => told.push(line));
  await engine.removeEmptyStack(STACK);
  assert.deepEqual(told, [`the empty stack ${STACK} stays: stack rm --yes --stack ${STACK} --non-interactive`]);
});
