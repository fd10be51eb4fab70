import { lstat, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const PROJECT = "odoosaas";

/** How secrets in a stack's state are encrypted; the same for all stacks of a platform. */
export type SecretsSettings =
  /** Without a salt the CLI draws one for each stack, and derives the key twice at each change of salt. */
  | { provider: "passphrase"; salt?: string }
  /** `awskms://...`, `gcpkms://...`, `azurekeyvault://...`, `hashivault://...` */
  | { provider: "cloud"; url: string; encryptedKey: string };

const PREFIX = "odoosaas-run-";
/** Milliseconds after which nobody needs a run's directory any more: far above any run. */
const ABANDONED_AFTER_MS = 86_400_000;

/** A directory as the CLI expects to find around a stack, for one run. */
export interface WorkDir {
  readonly path: string;
  remove(): Promise<void>;
}

/** JSON is YAML: values need no quoting rules of their own. */
export async function makeWorkDir(
  stack: string,
  secrets: SecretsSettings,
  config: Readonly<Record<string, unknown>> = {},
): Promise<WorkDir> {
  const path = await mkdtemp(join(tmpdir(), PREFIX)); // 0700
  const name = stack.split("/").at(-1) ?? stack;
  await Promise.all([
    writeFile(join(path, "Pulumi.yaml"), JSON.stringify({ name: PROJECT, runtime: "nodejs" }), { mode: 0o600 }),
    writeFile(join(path, `Pulumi.${name}.yaml`), JSON.stringify({ ...secretsLines(secrets), config }), { mode: 0o600 }),
  ]);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Removes the directories that servers have left which were killed in the middle of runs. */
export async function removeAbandonedWorkDirs(parent = tmpdir(), now = Date.now()): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(parent, name);
    const found = await lstat(path).catch(() => undefined);
    if (found?.isDirectory() !== true || found.uid !== process.getuid?.()) continue;
    if (now - found.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

function secretsLines(secrets: SecretsSettings): Record<string, string> {
  if (secrets.provider === "cloud") return { secretsprovider: secrets.url, encryptedkey: secrets.encryptedKey };
  return secrets.salt === undefined ? {} : { encryptionsalt: secrets.salt };
}

/** What an exported state says of its encryption. */
export function secretsSettingsOf(
  provider: { type: string; state?: Readonly<Record<string, string>> } | undefined,
): SecretsSettings {
  const { salt, url, encryptedkey } = provider?.state ?? {};
  if (provider?.type === "cloud" && url !== undefined && encryptedkey !== undefined)
    return { provider: "cloud", url, encryptedKey: encryptedkey };
  return { provider: "passphrase", ...(salt === undefined ? {} : { salt }) };
}
