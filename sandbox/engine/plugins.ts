import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installStandIns } from "../plugins/install.ts";
import { compileCache, type Instance } from "../instance.ts";

/** Official provider plugins, which the engine fetches by itself, or the sandbox's stand-ins. */
export type PluginOrigin = "official" | "stand-in";

/** Any small answer of the server that plugins come from will do. */
const PROBE = "https://get.pulumi.com/releases/plugins/";
const ANSWER_WITHIN_MS = 3_000;

/** The instance's PULUMI_HOME. */
export function pulumiHome(instance: Instance): string {
  return join(instance.directory, "pulumi-home");
}

/**
 * Prepares the instance's PULUMI_HOME and tells which plugins it uses. ODOO_TENANTS_PLUGINS=official|stand-in decides;
 * else what an earlier start decided, since an instance should not change under its user; else whether downloads answer.
 */
export async function providePlugins(instance: Instance): Promise<PluginOrigin> {
  const home = pulumiHome(instance);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const decision = join(home, "plugin-origin");
  const origin = wanted() ?? earlier(decision) ?? ((await downloadsAnswer()) ? "official" : "stand-in");
  const plugins = join(home, "plugins");
  if (origin === "stand-in") {
    if (isLink(plugins)) rmSync(plugins); // downloads are shared: stand-ins must not get among them
    await installStandIns(home, compileCache(instance));
  } else shareDownloads(instance, plugins);
  writeFileSync(decision, `${origin}\n`);
  return origin;
}

/** What the last start decided; stand-ins before the first one. */
export function pluginOrigin(instance: Instance): PluginOrigin {
  return wanted() ?? earlier(join(pulumiHome(instance), "plugin-origin")) ?? "stand-in";
}

function wanted(): PluginOrigin | undefined {
  const value = process.env["ODOO_TENANTS_PLUGINS"];
  if (!value) return undefined;
  if (value === "official" || value === "stand-in") return value;
  throw new Error(`ODOO_TENANTS_PLUGINS is "${value}": set it to official or stand-in, or unset it`);
}

function earlier(file: string): PluginOrigin | undefined {
  if (!existsSync(file)) return undefined;
  return readFileSync(file, "utf8").trim() === "official" ? "official" : "stand-in";
}

async function downloadsAnswer(): Promise<boolean> {
  try {
    await fetch(PROBE, { method: "HEAD", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    return true; // whatever the status: the server is there
  } catch {
    return false;
  }
}

/** Official plugins are large: instances share one folder of them. */
function shareDownloads(instance: Instance, plugins: string): void {
  if (isLink(plugins)) return;
  rmSync(plugins, { recursive: true, force: true }); // stand-ins of an earlier start
  const shared = join(instance.cache, "pulumi-plugins");
  mkdirSync(shared, { recursive: true });
  symlinkSync(shared, plugins);
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
