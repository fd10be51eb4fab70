import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { engineEnvironment } from "../../../sandbox/engine/environment.ts";
import { provideEngine } from "../../../sandbox/engine/provide.ts";
import type { Instance } from "../../../sandbox/instance.ts";
import { launch, type Launched } from "../../../sandbox/lifecycle/launch.ts";
import { platformSettings, splitSecrets } from "../../../sandbox/lifecycle/platform-settings.ts";
import { projectDirectory } from "../../../sandbox/lifecycle/project.ts";
import { instanceSecrets } from "../../../sandbox/lifecycle/secrets.ts";
import { run } from "../../../sandbox/run.ts";
import { ownInstance, supervisorOptions } from "./own.ts";

/** Files that hold secrets by design, with their owner's permission only. */
const SECRET_FILES = new Set(["secrets.json", "passphrase", "pgpass", "clouds/config.json"]);

function startPlatform(instance: Instance): { supervisor: Launched; steps: string[] } {
  const steps: string[] = [];
  const supervisor = launch(instance, supervisorOptions(instance, { withoutPlatform: false }), (message) => {
    if (message.kind === "step" && message.event.state === "done") steps.push(message.event.title);
  });
  return { supervisor, steps };
}

async function pulumi(instance: Instance, ...args: string[]): Promise<string> {
  const engine = await provideEngine(instance.cache, () => {});
  const env = engineEnvironment(instance, engine);
  return await run(engine.command, [...args, "--non-interactive"], { cwd: projectDirectory(instance), env });
}

test("the platform's stack comes up once, previews clean, and shows no secret", async (t) => {
  const instance = await ownInstance(t, "test-platform");
  const first = startPlatform(instance);
  await first.supervisor.ready;
  assert.ok(first.steps.includes("Platform stack"));

  await t.test("an operator's preview finds nothing to change", async () => {
    await pulumi(instance, "preview", "-s", "prod", "--expect-no-changes");
  });

  await t.test("no secret is plain in state, stack file or logs", async () => {
    const { secret } = splitSecrets(platformSettings(instance, instanceSecrets(instance), "ssh-ed25519 AAAA"));
    const texts = new Map([["exported state", await pulumi(instance, "stack", "export", "-s", "prod")]]);
    for (const folder of ["project", "logs", "clouds", "."]) {
      for (const entry of readdirSync(join(instance.directory, folder), { withFileTypes: true })) {
        const file = join(entry.parentPath, entry.name);
        const name = relative(instance.directory, file);
        if (entry.isFile() && !SECRET_FILES.has(name)) texts.set(name, readFileSync(file, "latin1"));
      }
    }
    for (const [where, text] of texts) {
      for (const [key, value] of Object.entries(secret)) {
        const piece = key === "odoosaas:sshPrivateKey" ? (value.split("\n")[2] ?? "") : value;
        assert.ok(!text.includes(piece), `${key} is plain in ${where}`);
      }
    }
  });

  await t.test("a later start does not update it again", async () => {
    first.supervisor.stop();
    await first.supervisor.ended;
    const second = startPlatform(instance);
    await second.supervisor.ready;
    assert.ok(!second.steps.includes("Platform stack"), second.steps.join(", "));
    second.supervisor.stop();
    await second.supervisor.ended;
  });

  await t.test("after an operator's own update, the next start looks at it again", async () => {
    const second = startPlatform(instance);
    await second.supervisor.ready;
    await pulumi(instance, "refresh", "-s", "prod", "--yes", "--skip-preview");
    second.supervisor.stop();
    await second.supervisor.ended;
    const third = startPlatform(instance);
    await third.supervisor.ready;
    assert.ok(third.steps.includes("Platform stack"), third.steps.join(", "));
    third.supervisor.stop();
    await third.supervisor.ended;
  });
});
