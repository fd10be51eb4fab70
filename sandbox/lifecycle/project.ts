import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Instance } from "../instance.ts";

/** The checkout that this file is part of. */
export const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/**
 * The Pulumi project as the instance's engine sees it: the checkout's program, and a folder of its own for the stacks'
 * files. In the checkout itself, `stack init` would write into the committed Pulumi.prod.yaml, and `stack rm` remove it.
 */
export function prepareProject(instance: Instance): string {
  const directory = projectDirectory(instance);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const program = join(directory, "program");
  rmSync(program, { force: true });
  symlinkSync(CHECKOUT, program); // the engine wants the program below the project's file
  const project = readFileSync(join(CHECKOUT, "Pulumi.yaml"), "utf8");
  writeFileSync(join(directory, "Pulumi.yaml"), project.replace(/^main: *(.*)$/m, "main: program/$1"));
  return directory;
}

export function projectDirectory(instance: Instance): string {
  return join(instance.directory, "project");
}

export function stackFile(instance: Instance, stack: string): string {
  return join(projectDirectory(instance), `Pulumi.${stack}.yaml`);
}

/**
 * Writes a stack's file with these values, by their full keys ("odoosaas:domain"), as JSON, which is YAML as well. The engine's own lines, which tell how the
 * stack's secrets are encrypted, are kept.
 */
export function writeStackFile(instance: Instance, stack: string, values: Record<string, unknown>): void {
  const file = stackFile(instance, stack);
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  writeFileSync(file, stackFileText(before, values), { mode: 0o600 });
}

/** The text of a stack's file, from its former text. */
export function stackFileText(before: string, values: Record<string, unknown>): string {
  const encryption = before.split("\n").filter((line) => /^(encryptionsalt|secretsprovider|encryptedkey):/.test(line));
  const config = Object.entries(values).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`);
  return `${[...encryption, "config:", ...config].join("\n")}\n`;
}
