import { randomUUID } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PROVIDERS } from "./providers.ts";

/**
 * Puts the stand-ins where the engine looks for its plugins: an executable for each provider that runs this checkout's
 * main.ts with this Node, and keeps what that has compiled in `compileCache`. Safe to call again and by several at once; an executable of another checkout is replaced.
 * Folders that hold an official plugin are left alone, and reported.
 */
export async function installStandIns(
  pulumiHome: string,
  compileCache: string,
): Promise<{ installed: string[]; official: string[] }> {
  const installed: string[] = [];
  const official: string[] = [];
  for (const [name, version] of Object.entries(PROVIDERS)) {
    const directory = join(pulumiHome, "plugins", `resource-${name}-v${version}`);
    const executable = join(directory, `pulumi-resource-${name}`);
    const present = await readFile(executable).catch(() => undefined);
    if (present !== undefined && !present.subarray(0, MARK.length + 20).includes(MARK)) {
      official.push(name);
      continue;
    }
    const script = shim(name, compileCache);
    if (present?.toString() !== script) {
      await mkdir(directory, { recursive: true });
      const fresh = `${executable}.${randomUUID()}.tmp`;
      await writeFile(fresh, script);
      await chmod(fresh, 0o755);
      await rename(fresh, executable);
    }
    installed.push(name);
  }
  return { installed, official };
}

const MARK = "# stand-in plugin of the sandbox";

/** Many of them live as long as the server, three for each update at once: small before fast. */
function shim(name: string, cache: string): string {
  const main = fileURLToPath(new URL("./main.ts", import.meta.url));
  return [
    "#!/bin/sh",
    `${MARK}: sandbox/plugins/README.md`,
    `export MALLOC_ARENA_MAX=1 ODOO_TENANTS_PLUGIN_CACHE=${quote(cache)}`,
    `exec ${quote(process.execPath)} --max-semi-space-size=1 ${quote(main)} ${name} "$@"`,
    "",
  ].join("\n");
}

function quote(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}
