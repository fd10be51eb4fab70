import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { engineEnvironment } from "../engine/environment.ts";
import type { Engine } from "../engine/provide.ts";
import type { Instance } from "../instance.ts";
import type { Progress } from "../progress.ts";
import { run } from "../run.ts";
import { platformSettings, splitSecrets } from "./platform-settings.ts";
import { CHECKOUT, prepareProject, stackFile, writeStackFile } from "./project.ts";
import { writePrivately, type InstanceSecrets } from "./secrets.ts";

export const PLATFORM_STACK = "prod";

/** What the last successful update was made from. */
interface Applied {
  hostKey: string;
  inputs: string;
}

const appliedFile = (instance: Instance) => join(instance.directory, "platform.json");

/** The tenant host's key of the last successful update, when an update with it now would find the same inputs. */
export function unchangedHostKey(instance: Instance, secrets: InstanceSecrets): string | undefined {
  if (!existsSync(appliedFile(instance)) || !existsSync(stackFile(instance, PLATFORM_STACK))) return undefined;
  const applied = JSON.parse(readFileSync(appliedFile(instance), "utf8")) as Applied;
  const settings = platformSettings(instance, secrets, applied.hostKey);
  return inputsOf(settings) === applied.inputs ? applied.hostKey : undefined;
}

/** Brings the platform's stack up with the engine's command line, as an operator does. */
export async function upPlatform(
  instance: Instance,
  engine: Engine,
  secrets: InstanceSecrets,
  hostKey: string,
  progress: Progress,
): Promise<void> {
  const settings = platformSettings(instance, secrets, hostKey);
  const cwd = prepareProject(instance);
  const pulumi = async (args: readonly string[], input?: string, onLine?: (line: string) => void) => {
    const env = { ...process.env, ...engineEnvironment(instance, engine) };
    const stack = ["--stack", PLATFORM_STACK, "--non-interactive"];
    await run(engine.command, [...args, ...stack], { cwd, env, ...(input && { input }), ...(onLine && { onLine }) });
  };
  progress("making the stack");
  await pulumi(["stack", "select", "--create", "--secrets-provider", "passphrase"]);
  const { plain, secret } = splitSecrets(settings);
  writeStackFile(instance, PLATFORM_STACK, plain);
  progress("encrypting its secrets");
  for (const [key, value] of Object.entries(secret))
    await pulumi(["config", "set", "--secret", `odoosaas:${key}`], value);
  progress("pulumi up");
  await pulumi(["up", "--yes", "--skip-preview", "--suppress-outputs"], undefined, (line) => {
    if (line.trim() !== "") progress(line.trim());
  });
  writePrivately(appliedFile(instance), JSON.stringify({ hostKey, inputs: inputsOf(settings) } satisfies Applied));
}

/** Everything an update depends on: settings, the program and its packages. */
function inputsOf(settings: PlatformSettings): string {
  const hash = createHash("sha256").update(JSON.stringify(settings));
  const components = readdirSync(join(CHECKOUT, "components"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const files = ["index.ts", "Pulumi.yaml", "package-lock.json"].map((name) => join(CHECKOUT, name));
  for (const file of [...files, ...components.toSorted()]) hash.update(file).update(readFileSync(file));
  return hash.digest("hex");
}
