import * as pulumi from "@pulumi/pulumi";
import { SettingsError } from "./components/field-error.ts";
import { platformProgram, tenantProgram, tunnelProgram } from "./components/program.ts";
import { legacyEnvironment } from "./components/settings/legacy-environment.ts";
import { PlatformSettings } from "./components/settings/platform-settings.ts";
import { readStackConfig, type StackConfig } from "./components/settings/stack-config.ts";

/** The program `pulumi up` runs: the platform's stack, a tenant's or a container's tunnel's, as its configuration says. */
export default async function program(): Promise<object> {
  const config = readConfig();
  if (config.kind === "platform") {
    await warnWithoutAgent();
    return platformProgram(config.settings)();
  }
  const platform = await readPlatform(config.platformStack);
  return config.kind === "tunnel" ? tunnelProgram(platform, config.tunnel)() : tenantProgram(platform, config.tenant)();
}

/** What the platform's stack installs on hosts needs their administrator, whose key is in no configuration. */
async function warnWithoutAgent(): Promise<void> {
  if (pulumi.runtime.isDryRun() || process.env["SSH_AUTH_SOCK"]) return;
  await pulumi.log.warn(
    "SSH_AUTH_SOCK is not set: hosts that have to change will refuse the login. Start an SSH agent with the " +
      'administrator\'s key: eval "$(ssh-agent)" && ssh-add ~/.ssh/id_ed25519 (docs/operations/host.md).',
  );
}

function readConfig(): StackConfig {
  try {
    return readStackConfig(pulumi.runtime.allConfig(), legacyEnvironment(process.env));
  } catch (error) {
    // A configuration that must be corrected is no crash: its text, without a stack trace.
    throw error instanceof SettingsError ? new pulumi.RunError(error.message) : error;
  }
}

/** Asked for as a function, not as a StackReference, which would be a resource that the server's runs do not have. */
async function readPlatform(stack: string): Promise<PlatformSettings> {
  const answer = (await pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", { name: stack })) as {
    outputs?: { settings?: unknown };
  };
  if (answer.outputs?.settings === undefined) {
    throw new pulumi.RunError(
      `The platform's stack ${stack} exports no settings. Bring it up first, or set odoosaas:platform to its full name.`,
    );
  }
  return PlatformSettings.parse(answer.outputs.settings);
}
