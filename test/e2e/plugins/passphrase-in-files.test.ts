import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { LocalWorkspace } from "@pulumi/pulumi/automation/index.js";
import * as pulumi from "@pulumi/pulumi";
import { PLATFORM, SECRET, startTestApi } from "../../integration/api/fixture.ts";
import { run } from "../../integration/cli/run.ts";
import { engineWorld } from "./engine-world.ts";

const STACKS = ["organization/odoosaas/acme", "organization/odoosaas/prod"];
const OLD = "the-passphrase-of-before";

// The engine's own command line on a backend of files, as on a bucket (both are gocloud.dev's): only what PostgreSQL
// keeps can be removed by the command itself.
test("the passphrase of stacks in files is exchanged; runs stay paused when other machines must have it first", async (t) => {
  const api = await startTestApi(t, { secrets: { state: () => [], reload: async () => {} } });
  const world = await engineWorld(t, { installed: false });
  const project = join(world.directory, "project");
  mkdirSync(project);
  const projectSettings = { name: "odoosaas", runtime: "nodejs" } as const;
  writeFileSync(join(project, "Pulumi.yaml"), JSON.stringify(projectSettings));
  const file = join(world.directory, "passphrase");
  writeFileSync(file, `${OLD}\n`, { mode: 0o600 });
  const { PULUMI_CONFIG_PASSPHRASE: _, ...rest } = world.env;
  const env = { ...rest, PULUMI_CONFIG_PASSPHRASE_FILE: file };
  for (const stackName of STACKS) {
    const program = async () => ({ settings: pulumi.secret(PLATFORM) });
    const stack = await LocalWorkspace.createOrSelectStack(
      { stackName, projectName: "odoosaas", program },
      { workDir: project, pulumiHome: world.env["PULUMI_HOME"] ?? "", envVars: env, projectSettings },
    );
    await stack.setConfig("odoosaas:masterKey", { value: PLATFORM.masterKey, secret: true });
    await stack.up({ suppressProgress: true });
  }
  const settings = async (stack: string, passphrase: string): Promise<string> => {
    const options = { cwd: project, env: { ...process.env, ...rest, PULUMI_CONFIG_PASSPHRASE: passphrase } };
    const args = ["stack", "output", "settings", "--show-secrets", "--stack", stack, "--non-interactive"];
    return (await promisify(execFile)("pulumi", args, options)).stdout;
  };

  const given = { ...process.env, ...env, API_URL: api.url, JWT_SECRET: SECRET };
  const rotated = await run(given, "rotate", "passphrase", "--project", project, "--keep-paused");
  assert.equal(rotated.error, undefined, rotated.err);
  assert.match(rotated.out, /2 stacks are encrypted with the new passphrase/);
  assert.match(rotated.out, /Earlier states in the backend's history and backups still open with the old one/);
  const next = readFileSync(file, "utf8").trim();
  assert.notEqual(next, OLD);
  assert.ok(!existsSync(`${file}.next`));
  for (const stack of STACKS) {
    assert.match(await settings(stack, next), /canary/);
    await assert.rejects(settings(stack, OLD), /incorrect passphrase/);
  }
  assert.deepEqual([api.queue.paused, api.queue.pausedFor], [true, undefined], "until somebody ends the pause");
  const config = await promisify(execFile)("pulumi", ["config", "--show-secrets", "--stack", STACKS[1] ?? ""], {
    cwd: project,
    env: { ...process.env, ...env },
  });
  assert.match(config.stdout, /masterKey +canary/);

  const again = await run(given, "rotate", "passphrase", "--project", project);
  assert.equal(again.error, undefined, again.err);
  assert.equal(api.queue.paused, true, "another's pause is not ended");
});
