import type { ServerSettings } from "../settings.ts";
import { engineEnvironment } from "./environment.ts";
import { cliVersion, pluginOf } from "./installation.ts";
import { type PlatformStack, readPlatformStack } from "./platform-stack.ts";
import { PulumiEngine } from "./pulumi-engine.ts";
import type { SecretsSettings } from "./workspace.ts";

/** The engine of this machine, as the server's environment names it. */
export interface InstalledEngine {
  /** The platform's stack as it is now. Throws when the CLI, the state backend or the passphrase is not as set. */
  read(): Promise<PlatformStack>;
  /** Makes the engine that tenants are run with; it starts nothing yet. */
  engine(secrets: SecretsSettings, log: (line: string) => void): Promise<PulumiEngine>;
}

type Settings = Pick<ServerSettings, "engine" | "platformStack">;

export function installedEngine(
  { engine, platformStack }: Settings,
  own: Readonly<Record<string, string | undefined>>,
): InstalledEngine {
  const { command, home, parallelism, backendUrl, passphrase, keepProviders } = engine;
  const env = engineEnvironment(own, { backendUrl, pulumiHome: home, ...(passphrase !== undefined && { passphrase }) });
  const version = cliVersion(command, env);
  version.catch(() => {}); // told by `engine`
  let latest: SecretsSettings | undefined;
  return {
    async read() {
      const stack = await readPlatformStack(command, env, platformStack);
      latest = stack.secrets;
      return stack;
    },
    engine: async (secrets, log) =>
      new PulumiEngine({
        command,
        version: await version,
        env,
        pulumiHome: home,
        secrets: () => latest ?? secrets,
        programModule: new URL("./stack-program.ts", import.meta.url).href,
        parallelism,
        plugins: keepProviders.map(pluginOf),
        log,
      }),
  };
}
