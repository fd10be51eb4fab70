import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { LocalWorkspace } from "@pulumi/pulumi/automation/index.js";
import pg from "pg";
import { PulumiEngine } from "../../../automation/engine/pulumi-engine.ts";
import { StateFence } from "../../../automation/engine/state-fence.ts";
import { startPostgres } from "../../postgres.ts";
import { undoAfter } from "../../undo.ts";
import { engineWorld } from "./engine-world.ts";

const STACK = "organization/odoosaas/acme";

// Against the real CLI, so that a release of it which keeps its stacks in another way is noticed here.
test("a stack that is made as a row is one of the CLI's own, and what that cannot tell for certain is left to the CLI", async (t) => {
  const postgres = await startPostgres();
  undoAfter(t, () => postgres.stop());
  const world = await engineWorld(t, { installed: false });
  const backend = `${postgres.url}?sslmode=disable`; // the engine's driver asks for TLS otherwise
  const state = new pg.Client({ connectionString: postgres.url });
  await state.connect();
  undoAfter(t, () => state.end());
  const env = { ...process.env, ...world.env, PULUMI_BACKEND_URL: backend };
  const pulumi = async (...args: string[]): Promise<string> => {
    const options = { cwd: world.directory, env };
    return (await promisify(execFile)("pulumi", [...args, "--non-interactive"], options)).stdout;
  };
  await writeFile(`${world.directory}/Pulumi.yaml`, JSON.stringify({ name: "odoosaas", runtime: "nodejs" }));
  const fence = StateFence.of(backend);
  assert.ok(fence);
  undoAfter(t, () => fence.close());
  const right = { subject: "tenant-1", token: 2 };
  const names = async (): Promise<string[]> =>
    (JSON.parse(await pulumi("stack", "ls", "--json")) as { name: string }[]).map(({ name }) => name).toSorted();

  assert.equal(await fence.rows.make(STACK), false, "there is no table yet");
  await pulumi("stack", "init", "organization/odoosaas/prod", "--no-select");
  await fence.raise(right);

  await t.test("the CLI lists it, exports it as it does its own, and refuses to make it again", async () => {
    assert.equal(await fence.rows.make(STACK, right), true);
    assert.equal((await names()).length, 2);
    const { version, deployment } = JSON.parse(await pulumi("stack", "export", "--stack", STACK)) as {
      version: number;
      deployment: { resources?: unknown[] } | null;
    };
    assert.deepEqual([version, deployment?.resources ?? []], [3, []]);
    await assert.rejects(pulumi("stack", "init", STACK, "--no-select"), /already exists/);
  });

  await t.test("one that is there is left as it is", async () => {
    const row = async () =>
      (await state.query<{ data: string }>("select data::text from pulumi_state where key like '%/acme.json'")).rows;
    const before = await row();
    assert.equal(await fence.rows.make(STACK, right), false);
    assert.deepEqual(await row(), before);
  });

  await t.test("an update fills it", async () => {
    const stack = await LocalWorkspace.selectStack(
      { stackName: STACK, projectName: "odoosaas", program: async () => ({ made: true }) },
      { workDir: world.directory, envVars: { ...world.env, PULUMI_BACKEND_URL: backend } },
    );
    assert.deepEqual((await stack.up()).outputs["made"]?.value, true);
    await pulumi("stack", "rm", STACK, "--yes", "--force");
    assert.equal((await names()).length, 1);
  });

  await t.test("a locked one is not made, nor one by a run that has lost its right", async () => {
    await state.query(
      `insert into pulumi_state (key, data)
       select split_part(key, '.pulumi/', 1) || '.pulumi/locks/' || $1 || '/1.json', '{}' from pulumi_state limit 1`,
      [STACK],
    );
    assert.equal(await fence.rows.make(STACK, right), false);
    await fence.rows.removeLocks(STACK);
    await assert.rejects(fence.rows.make(STACK, { ...right, token: 1 }), /another worker has taken over/);
    assert.equal(await fence.rows.make(STACK, right), true);
  });

  await t.test(
    "the lock of whoever died after removing the stack is removed by the deletion that finds no stack",
    async () => {
      const engine = new PulumiEngine({
        command: "pulumi",
        version: "3.0.0",
        env: { ...world.env, PATH: process.env["PATH"] ?? "", PULUMI_BACKEND_URL: backend },
        pulumiHome: world.directory,
        secrets: () => ({ provider: "passphrase" }),
        programModule: new URL("../../../automation/engine/stack-program.ts", import.meta.url).href,
        parallelism: 1,
        plugins: [],
      });
      undoAfter(t, () => engine.close());
      await pulumi("stack", "rm", "--yes", "--force", "--stack", STACK);
      const locks = async (): Promise<unknown> =>
        (await state.query("select key from pulumi_state where key like '%/locks/%'")).rows;
      await state.query(
        `insert into pulumi_state (key, data)
       select split_part(key, '.pulumi/', 1) || '.pulumi/locks/' || $1 || '/1.json', '{}' from pulumi_state limit 1`,
        [STACK],
      );
      const { changes } = await engine.destroy({ stack: STACK, fence: right });
      assert.deepEqual(changes, {});
      assert.deepEqual(await locks(), []);
    },
  );

  await t.test("with stacks in another form beside it, nothing is made", async () => {
    const other = Buffer.from(JSON.stringify({ version: 4, checkpoint: {} })).toString("base64");
    await state.query("update pulumi_state set data = $1 where key like '%/stacks/%.json'", [{ data: other }]);
    const later = StateFence.of(backend);
    assert.ok(later);
    undoAfter(t, () => later.close());
    assert.equal(await later.rows.make("organization/odoosaas/other"), false);
  });
});
