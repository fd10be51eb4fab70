import { createDecipheriv, pbkdf2 } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { promisify } from "node:util";
import type { SecretsSettings } from "./workspace.ts";

/** Where the new passphrase is kept while stacks are encrypted anew one after another (cli/rotate-passphrase.ts). */
export function nextPassphraseFile(file: string): string {
  return `${file}.next`;
}

/** What a stack's secrets are tried with. */
export interface SecretsKey {
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: SecretsSettings;
}

/** What the CLI says of a passphrase that does not fit. */
export function isRefused(message: string): boolean {
  return /incorrect passphrase/.test(message);
}

/**
 * What to try when a passphrase was refused, which happens before anything is done: the one that comes, or the present
 * one without a salt that was another's. Undefined when there is nothing else to try.
 */
export function otherKey({ env, secrets }: SecretsKey): SecretsKey | undefined {
  const { PULUMI_CONFIG_PASSPHRASE: given, PULUMI_CONFIG_PASSPHRASE_FILE: file } = env;
  if (secrets.provider !== "passphrase" || given !== undefined || file === undefined) return undefined;
  const next = nextPassphraseFile(existsSync(file) ? realpathSync(file) : file);
  if (existsSync(next))
    return { env: { ...env, PULUMI_CONFIG_PASSPHRASE_FILE: next }, secrets: { provider: "passphrase" } };
  return secrets.salt === undefined ? undefined : { env, secrets: { provider: "passphrase" } };
}

const derive = promisify(pbkdf2);

/**
 * Whether a passphrase is the one of a stack with that salt: `v1:<salt>:v1:<nonce>:<the word "pulumi", encrypted>`, as
 * pkg/secrets/passphrase of pulumi/pulumi writes it (AES-256-GCM; PBKDF2 with SHA-256, a million times).
 */
export async function opens(passphrase: string, salt: string): Promise<boolean> {
  const [version, bytes = "", inner, nonce = "", sealed = ""] = salt.split(":");
  if (version !== "v1" || inner !== "v1") throw new Error(`a salt of a form that is not known: ${version}, ${inner}`);
  const key = await derive(passphrase, Buffer.from(bytes, "base64"), 1_000_000, 32, "sha256");
  const text = Buffer.from(sealed, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"));
  decipher.setAuthTag(text.subarray(-16));
  try {
    return Buffer.concat([decipher.update(text.subarray(0, -16)), decipher.final()]).toString() === "pulumi";
  } catch {
    return false;
  }
}
