import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { LocalWorkspace, type PulumiFn, type Stack } from "@pulumi/pulumi/automation/index.js";
import { cacheDirectory } from "../../../sandbox/directories.ts";
import { compileCache } from "../../../sandbox/instance.ts";
import { provideEngine } from "../../../sandbox/engine/provide.ts";
import { installStandIns } from "../../../sandbox/plugins/install.ts";
import { undoAfter } from "../../undo.ts";

/** The real engine with the stand-ins as its only plugins, and state in files. */
export interface EngineWorld {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** A stack named after the program's purpose; gone with the world. */
  stack: (name: string, program: PulumiFn, env?: Record<string, string>) => Promise<Stack>;
}

/** `installed` false: the engine finds no plugins, and has to be attached to running ones. */
export async function engineWorld(t: TestContext, { installed = true } = {}): Promise<EngineWorld> {
  const engine = await provideEngine(cacheDirectory(), () => {});
  // The Automation API finds the engine on this process's PATH.
  process.env["PATH"] = [engine.binDirectory, dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const directory = await mkdtemp(join(tmpdir(), "plugins-e2e-"));
  undoAfter(t, async () => await rm(directory, { recursive: true, force: true }));
  const home = join(directory, "home");
  const state = join(directory, "state");
  for (const each of [home, state]) mkdirSync(each);
  if (installed) await installStandIns(home, compileCache({ cache: cacheDirectory() }));
  const env = {
    PULUMI_HOME: home,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_BACKEND_URL: `file://${state}`,
    PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK: "true",
  };
  return {
    directory,
    env,
    stack: async (name, program, extra = {}) =>
      await LocalWorkspace.createOrSelectStack(
        { stackName: name, projectName: "plugins", program },
        {
          workDir: await mkdtemp(join(directory, "stack-")),
          pulumiHome: home,
          envVars: { ...env, ...extra },
          projectSettings: { name: "plugins", runtime: "nodejs", backend: { url: env.PULUMI_BACKEND_URL } },
        },
      ),
  };
}
