import { createHash } from "node:crypto";
import { closeSync, existsSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { engineEnvironment } from "../engine/environment.ts";
import type { Engine } from "../engine/provide.ts";
import type { Instance } from "../instance.ts";
import { openLog } from "../process.ts";
import type { Progress } from "../progress.ts";
import { CommandFailed, run } from "../run.ts";
import { withAdministratorsKey } from "./administrator.ts";
import { platformSettings, splitSecrets } from "./platform-settings.ts";
import { CHECKOUT, prepareProject, stackFile, writeStackFile } from "./project.ts";
import { writePrivately, type InstanceSecrets } from "./secrets.ts";

export const PLATFORM_STACK = "prod";

/** What the last successful update was made from, and which state it left. */
interface Applied {
  hostKey: string;
  inputs: string;
  state: string;
}

const platformLog = (instance: Instance) => join(instance.directory, "logs", "platform-stack.log");
const appliedFile = (instance: Instance) => join(instance.directory, "platform.json");

/**
 * The tenant host's key of the last successful update, when an update with it now would find the same inputs, and nobody
 * has changed the stack since. PostgreSQL must run.
 */
export async function unchangedHostKey(instance: Instance, secrets: InstanceSecrets): Promise<string | undefined> {
  if (!existsSync(appliedFile(instance)) || !existsSync(stackFile(instance, PLATFORM_STACK))) return undefined;
  const applied = JSON.parse(readFileSync(appliedFile(instance), "utf8")) as Applied;
  const settings = platformSettings(instance, secrets, applied.hostKey);
  const unchanged = inputsOf(settings) === applied.inputs && (await stateVersion(instance, secrets)) === applied.state;
  return unchanged ? applied.hostKey : undefined;
}

interface Given {
  input?: string;
  env?: Record<string, string>;
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
  const pulumi = async (args: readonly string[], given: Given = {}, onLine?: (line: string) => void) => {
    const env = { ...engineEnvironment(instance, engine), ...given.env };
    const options = { cwd, env, ...(given.input && { input: given.input }), ...(onLine && { onLine }) };
    await run(engine.command, [...args, "--stack", PLATFORM_STACK, "--non-interactive"], options);
  };
  progress("making the stack");
  await pulumi(["stack", "select", "--create", "--secrets-provider", "passphrase"]);
  const { plain, secret } = splitSecrets(settings);
  writeStackFile(instance, PLATFORM_STACK, plain);
  progress("encrypting its secrets");
  for (const [key, value] of Object.entries(secret)) await pulumi(["config", "set", "--secret", key], { input: value });
  progress("pulumi up");
  const log = openLog(platformLog(instance));
  try {
    const up = ["up", "--yes", "--skip-preview", "--suppress-outputs"];
    await withAdministratorsKey(secrets, (key) =>
      pulumi(up, { env: key }, (line) => {
        writeSync(log, `${line}\n`);
        if (line.trim() !== "") progress(line.trim());
      }),
    );
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const said = readFileSync(platformLog(instance), "utf8");
    throw new Error(`${diagnosticsOf(said)}\nAll it said: ${platformLog(instance)}`, { cause: error });
  } finally {
    closeSync(log);
  }
  const applied: Applied = { hostKey, inputs: inputsOf(settings), state: await stateVersion(instance, secrets) };
  writePrivately(appliedFile(instance), JSON.stringify(applied));
}

/**
 * Changes with every update of the stack, an operator's too; "unknown" and the time when it cannot be told, so that
 * nothing is taken for unchanged. Looks into the state backend's own table, which saves a start of the engine.
 */
async function stateVersion(instance: Instance, secrets: InstanceSecrets): Promise<string> {
  const password = secrets.postgresRoles.pulumi;
  const client = new pg.Client({
    host: "127.0.0.1",
    port: instance.ports.postgres,
    user: "pulumi",
    database: "pulumi",
    password,
  });
  try {
    await client.connect();
    const { rows } = await client.query<{ updated_at: string }>(
      "select updated_at::text from pulumi_state where key like '%stacks/odoosaas/' || $1 || '.json'",
      [PLATFORM_STACK],
    );
    return rows.length === 1 && rows[0] ? rows[0].updated_at : `unknown ${Date.now()}`;
  } catch {
    return `unknown ${Date.now()}`;
  } finally {
    await client.end();
  }
}

/** The part of an update's output that says what went wrong; all of it where there is no such part. */
export function diagnosticsOf(output: string): string {
  const [, diagnostics] = /^Diagnostics:\n([\s\S]*?)(?:^(?:Outputs|Resources):|(?![\s\S]))/m.exec(output) ?? [];
  return (diagnostics ?? output).trimEnd();
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
