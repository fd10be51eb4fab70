import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type CliResult, runCli } from "../engine/cli.ts";
import type { Deployment } from "../engine/engine.ts";
import { opens } from "../engine/passphrase.ts";
import { isOfDeadProcess, locksIn } from "../engine/stack-lock.ts";
import { makeWorkDir, secretsSettingsOf } from "../engine/workspace.ts";
import { CliError } from "./cli-error.ts";
import { replaceFile } from "./secret-list-file.ts";

type Environment = Readonly<Record<string, string>>;

/** The engine's command line with the passphrase that is, and the file of the one that comes. */
export interface Exchange {
  readonly command: string;
  readonly env: Environment;
  readonly next: string;
}

/** Milliseconds for one stack; a pause of the queue lasts longer. */
const PATIENCE_MS = 60_000;

/**
 * Encrypts a stack's state with the new passphrase. The engine writes the state in one step, so it has one or the other
 * at any moment. `again`: it is known to have the new one already; what is left of its lock goes.
 */
export async function encryptState(exchange: Exchange, stack: string, again = false): Promise<void> {
  const work = await makeWorkDir(stack, { provider: "passphrase" });
  const env = again ? { ...exchange.env, PULUMI_CONFIG_PASSPHRASE_FILE: exchange.next } : exchange.env;
  try {
    const first = await change(exchange, stack, work.path, env);
    if (first.code === 0) return;
    const locks = locksIn(first.stderr);
    if (locks.length > 0 && locks.every(isOfDeadProcess)) {
      // Left by this command, which was killed.
      await pulumi(exchange, ["cancel", "--yes", "--stack", stack], work.path, env);
      const second = await change(exchange, stack, work.path, env);
      if (second.code === 0) return;
      throw failed(stack, second);
    }
    if ((await saltOf(exchange, stack, work.path)) === undefined) return; // it never had a state
    throw failed(stack, first);
  } finally {
    await work.remove();
  }
}

/** Whether the new passphrase is the one of a stack's state. */
export async function hasNext(exchange: Exchange, stack: string): Promise<boolean> {
  const work = await makeWorkDir(stack, { provider: "passphrase" });
  try {
    const salt = await saltOf(exchange, stack, work.path);
    return salt !== undefined && (await opens(readFileSync(exchange.next, "utf8").trim(), salt));
  } finally {
    await work.remove();
  }
}

/**
 * Encrypts a stack file's secrets with the new passphrase. The engine would do so together with the state, in two steps
 * of which it completes neither when it is killed in between: so it is given a copy and an empty backend, and the copy
 * takes the file's place as a whole.
 */
export async function encryptConfiguration(exchange: Exchange, stack: string, project: string): Promise<void> {
  const file = join(project, `Pulumi.${stack.split("/").at(-1)}.yaml`);
  const salt = existsSync(file)
    ? /^encryptionsalt:\s*"?(v1:[^\s"]+)/m.exec(readFileSync(file, "utf8"))?.[1]
    : undefined;
  if (salt === undefined || (await opens(readFileSync(exchange.next, "utf8").trim(), salt))) return;
  const work = await makeWorkDir(stack, { provider: "passphrase" });
  try {
    const backend = join(work.path, "backend");
    const copy = join(work.path, `Pulumi.${stack.split("/").at(-1)}.yaml`);
    await mkdir(backend);
    copyFileSync(file, copy);
    const env = { ...exchange.env, PULUMI_BACKEND_URL: pathToFileURL(backend).href };
    const made = await pulumi(exchange, ["stack", "init", stack, "--no-select"], work.path, env);
    const changed = made.code === 0 ? await change(exchange, stack, work.path, env) : made;
    if (changed.code !== 0) throw failed(file, changed);
    replaceFile(file, readFileSync(copy, "utf8"));
  } finally {
    await work.remove();
  }
}

/** It dies with this command: an engine that went on alone could undo what runs have written since. */
async function change({ command, next }: Exchange, stack: string, cwd: string, env: Environment): Promise<CliResult> {
  // The new passphrase by standard input, which a guarded process does not have.
  const script =
    'exec "$0" stack change-secrets-provider passphrase --stack "$1" --non-interactive <"$NEXT_PASSPHRASE_FILE"';
  return runCli(["-c", script, command, stack], {
    command: "sh",
    cwd,
    env: { ...env, NEXT_PASSPHRASE_FILE: next },
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
}

async function saltOf(exchange: Exchange, stack: string, cwd: string): Promise<string | undefined> {
  const read = await pulumi(exchange, ["stack", "export", "--stack", stack], cwd, exchange.env);
  if (read.code !== 0) throw failed(stack, read);
  const { deployment } = JSON.parse(read.stdout) as { deployment: Deployment["deployment"] | null };
  const secrets = secretsSettingsOf(deployment?.secrets_providers);
  return secrets.provider === "passphrase" ? secrets.salt : undefined;
}

function pulumi({ command }: Exchange, args: string[], cwd: string, env: Environment): Promise<CliResult> {
  return runCli([...args, "--non-interactive"], { command, cwd, env });
}

function failed(what: string, { code, stdout, stderr }: CliResult): CliError {
  const said = (stderr || stdout).trim().slice(-1_500);
  return new CliError(
    `${what} could not be encrypted anew (pulumi ended with ${code}). What is done stays done: run the command again when the reason is gone.\n${said}`,
  );
}
