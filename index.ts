import * as pulumi from "@pulumi/pulumi";
import { SettingsError } from "./components/field-error.ts";
import { platformProgram, tenantProgram } from "./components/program.ts";
import { legacyEnvironment } from "./components/settings/legacy-environment.ts";
import { PlatformSettings } from "./components/settings/platform-settings.ts";
import { readStackConfig, type StackConfig } from "./components/settings/stack-config.ts";

/** The program `pulumi up` runs: the platform's stack, or a tenant's when the stack's configuration has `tenant`. */
export default async function program(): Promise<object> {
  const config = readConfig();
  if (config.kind === "platform") return platformProgram(config.settings)();
  return tenantProgram(await readPlatform(config.platformStack), config.tenant)();
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
