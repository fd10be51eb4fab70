import { randomBytes } from "node:crypto";
import { engineEnvironment } from "../engine/environment.ts";
import { provideEngine } from "../engine/provide.ts";
import { findInstance, openInstance, type Instance } from "../instance.ts";
import { run } from "../run.ts";
import { withAdministratorsKey } from "./administrator.ts";
import { apiToken, apiUrl } from "./api.ts";
import { sendCheckout, untilServed, type Checkout } from "./checkout.ts";
import { launch } from "./launch.ts";
import { projectDirectory } from "./project.ts";
import { instanceSecrets, type InstanceSecrets } from "./secrets.ts";
import { edgeUrl } from "./status.ts";
import { duration } from "./steps.ts";
import { stopInstance } from "./stop.ts";

export interface SandboxOptions {
  /** Default "test-<random>"; must be new. */
  name?: string;
  /** How far up: "parts" are databases, emulators and host; then the platform's stack; then the server. Default all. */
  upTo?: "parts" | "platform" | "server";
  /** Make the tenant acme. Default false. */
  demo?: boolean;
  /** Further environment of the server, such as LOG_LEVEL. */
  serverSettings?: Record<string, string>;
  /** Called with a line for each step. */
  onStep?: (line: string) => void;
}

/** A whole platform of its own, on ports and a network of its own: for tests and measurements. */
export interface Sandbox {
  instance: Instance;
  secrets: InstanceSecrets;
  api: { url: string; token: string };
  /** Tenants answer here under their own Host. */
  edge: { url: string };
  /** The whole environment in which the engine works on this instance's stacks; its project is in `projectDirectory`. */
  engineEnvironment(): Promise<Record<string, string>>;
  /** Runs the engine's command line in the instance's project, as an operator; resolves with its standard output. */
  pulumi(...args: string[]): Promise<string>;
  /** Sends a paid checkout, and waits until the tenant is served. */
  checkout(checkout: Checkout): Promise<void>;
  /** Stops everything and removes the data. Safe twice. */
  stop(): Promise<void>;
}

/**
 * Starts a sandbox beside all others. It stops and removes itself when this process ends, in whatever way. Needs root.
 * Throws StartFailed.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const made = await openInstance(options.name ?? `test-${randomBytes(4).toString("hex")}`);
  const { upTo = "server", onStep } = options;
  const supervisor = launch(
    made,
    {
      instance: made.name,
      demo: options.demo ?? false,
      attached: true,
      temporary: true,
      withoutPlatform: upTo === "parts",
      withoutServer: upTo !== "server",
      serverSettings: options.serverSettings ?? {},
    },
    (message) => {
      if (message.kind === "part-ended") onStep?.(`${message.name}: ${message.how}: ${message.log}`);
      if (message.kind !== "step" || !("ms" in message.event)) return;
      onStep?.(`${message.event.title}: ${message.event.state} (${duration(message.event.ms)})`);
    },
  );
  await supervisor.ready;
  const instance = findInstance(made.name) ?? made; // it may have moved to another network
  const secrets = instanceSecrets(instance);
  const environment = async () => engineEnvironment(instance, await provideEngine(instance.cache, () => {}));
  return {
    instance,
    secrets,
    api: { url: apiUrl(instance), token: await apiToken(secrets) },
    edge: { url: edgeUrl(instance) },
    engineEnvironment: environment,
    pulumi: async (...args) => {
      const env = await environment();
      const cwd = projectDirectory(instance);
      return await withAdministratorsKey(secrets, (key) => run("pulumi", args, { cwd, env: { ...env, ...key } }));
    },
    checkout: async (checkout) => {
      await sendCheckout(instance, checkout);
      await untilServed(instance, secrets, checkout.subdomain, () => {});
    },
    stop: async () => {
      supervisor.stop();
      await supervisor.ended;
      await stopInstance(instance); // in case the supervisor was killed
    },
  };
}
