import { SettingsError } from "../../components/field-error.ts";
import { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { runCli } from "./cli.ts";
import type { Deployment } from "./engine.ts";
import { isRefused, otherKey } from "./passphrase.ts";
import { makeWorkDir, type SecretsSettings, secretsSettingsOf } from "./workspace.ts";

export interface PlatformStack {
  settings: PlatformSettings;
  /** How its state is encrypted, and so all tenants'. */
  secrets: SecretsSettings;
}

/**
 * Reads the platform's stack by one call of the CLI: its output `settings`, and how its secrets are kept. One more when
 * its passphrase is just being exchanged.
 */
export async function readPlatformStack(
  command: string,
  env: Readonly<Record<string, string>>,
  stack: string,
): Promise<PlatformStack> {
  const work = await makeWorkDir(stack, { provider: "passphrase" });
  try {
    const args = ["stack", "export", "--show-secrets", "--stack", stack, "--non-interactive"];
    const first = await runCli(args, { command, cwd: work.path, env });
    const other = isRefused(first.stderr) ? otherKey({ env, secrets: { provider: "passphrase" } }) : undefined;
    const { code, stdout, stderr } =
      other === undefined ? first : await runCli(args, { command, cwd: work.path, env: other.env });
    if (code !== 0) throw new Error(`the platform's stack ${stack} cannot be read: ${stderr.trim().slice(-1_000)}`);
    const { deployment } = JSON.parse(stdout) as Deployment;
    const root = deployment.resources?.find(({ type }) => type === "pulumi:pulumi:Stack");
    const settings = PlatformSettings.safeParse(revealed(root?.outputs?.["settings"]));
    if (!settings.success) {
      const problems = settings.error.issues.map((issue) => `settings.${issue.path.join(".")}: ${issue.message}`);
      throw new SettingsError(
        `The output of the platform's stack ${stack} (bring it up first: pulumi up -s ${stack})`,
        problems,
      );
    }
    return { settings: settings.data, secrets: secretsSettingsOf(deployment.secrets_providers) };
  } finally {
    await work.remove();
  }
}

/** Marks a secret in exported state: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go */
const SIGNATURE = "4dabf18193072939515e22adb298388d";

/** A value of exported state with its secrets as plain values. */
export function revealed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value !== "object" || value === null) return value;
  const { plaintext } = value as { plaintext?: unknown };
  if (SIGNATURE in value && typeof plaintext === "string") return revealed(JSON.parse(plaintext));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revealed(inner)]));
}
