import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { runCli } from "./cli.ts";
import type { ProviderPlugin } from "./providers.ts";

/** The CLI's version, without `v`. Throws when it cannot be run. */
export async function cliVersion(command: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { code, stdout, stderr } = await runCli(["version"], { command, cwd: "/", env });
  const version = /^v?(\d+\.\d+\.\d+\S*)/.exec(stdout.trim())?.[1];
  if (code === 0 && version !== undefined) return version;
  throw new Error(
    `the Pulumi CLI "${command}" does not run (set PULUMI_COMMAND to its path): ${(stderr || stdout).trim().slice(-300)}`,
  );
}

/** The plugin that belongs to the SDK package `@pulumi/<name>` as installed. */
export function pluginOf(name: string): ProviderPlugin {
  const path = createRequire(import.meta.url).resolve(`@pulumi/${name}/package.json`);
  const { version, pulumi } = JSON.parse(readFileSync(path, "utf8")) as {
    version: string;
    pulumi?: { version?: string };
  };
  return { name, version: pulumi?.version ?? version };
}
