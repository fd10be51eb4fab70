import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { engineEnvironment } from "../engine/environment.ts";
import type { Engine } from "../engine/provide.ts";
import type { Instance } from "../instance.ts";
import { startProcess, type RunningProcess } from "../process.ts";
import { apiUrl } from "./api.ts";
import { PLANS } from "./platform-settings.ts";
import { PLATFORM_STACK } from "./platform-stack.ts";
import { CHECKOUT } from "./project.ts";
import { type InstanceSecrets, jwtSecretFile, webhookSecretFile } from "./secrets.ts";

/** Updates under way are finished first; that may take as long as one update. */
const DRAIN_MS = 60_000;

const ANSWERS_WITHIN_MS = 60_000;

/** The server's environment in the sandbox: what an operator writes into a unit file in production. */
export function serverEnvironment(
  instance: Instance,
  engine: Engine,
  secrets: InstanceSecrets,
): Record<string, string> {
  const { ports } = instance;
  return {
    ...engineEnvironment(instance, engine),
    PULUMI_COMMAND: engine.command,
    PLATFORM_STACK,
    DATABASE_URL: serverDatabaseUrl(instance, secrets),
    HOST: "127.0.0.1",
    PORT: String(ports.api),
    JWT_SECRET_FILE: jwtSecretFile(instance),
    STRIPE_API_KEY: secrets.stripe.apiKey,
    STRIPE_API_BASE: `http://127.0.0.1:${ports.stripe}`,
    STRIPE_WEBHOOK_SECRET_FILE: webhookSecretFile(instance),
    STRIPE_PRICES: JSON.stringify(Object.fromEntries(Object.entries(PLANS).map(([name, plan]) => [plan.price, name]))),
    // Whoever moves the emulated clock sees what comes of it at once.
    STRIPE_CATCH_UP_SECONDS: "10",
    STRIPE_CLOCKS_SECONDS: "5",
    EDGE_ADDRESS: `127.0.0.1:${ports.edge}`,
  };
}

/** The server's own database. Secret. */
export function serverDatabaseUrl({ ports }: Instance, { postgresRoles }: InstanceSecrets): string {
  return `postgres://odoosaas:${postgresRoles.odoosaas}@127.0.0.1:${ports.postgres}/odoosaas?sslmode=disable`;
}

/**
 * `requests`: it takes requests and events, and knows its platform; what is asked for meanwhile waits for the engine.
 * `everything`: the engine is warm too, as measures want it.
 */
export type ServerReady = "requests" | "everything";

/** Starts the Automation API server and waits until it is ready. `settings` are further environment variables. */
export async function startServer(
  instance: Instance,
  engine: Engine,
  secrets: InstanceSecrets,
  settings: Record<string, string>,
  wanted: ServerReady = "everything",
): Promise<RunningProcess> {
  const server = startProcess({
    name: "Automation API server",
    command: process.execPath,
    args: [join(CHECKOUT, "automation/main.ts")],
    cwd: CHECKOUT,
    env: { ...serverEnvironment(instance, engine, secrets), ...settings },
    log: join(instance.directory, "logs", "api.log"),
    stopWithinMs: DRAIN_MS,
  });
  const deadline = Date.now() + ANSWERS_WITHIN_MS;
  for (;;) {
    const answer = await ready(instance, wanted);
    if (answer === "ready") return server;
    if (server.ended)
      throw new Error(`it ${server.ended}. Its log (${server.log}) ends with:\n${server.lastLines(20)}`);
    if (Date.now() > deadline) {
      await server.stop();
      throw new Error(`it is not ready: ${answer}. Its log (${server.log}) ends with:\n${server.lastLines(20)}`);
    }
    await setTimeout(50);
  }
}

async function ready(instance: Instance, wanted: ServerReady): Promise<string> {
  try {
    const response = await fetch(`${apiUrl(instance)}/readyz`, { signal: AbortSignal.timeout(5_000) });
    const { checks } = (await response.json()) as { checks: Record<string, { ok: boolean }> };
    const missing = Object.keys(checks).filter(
      (name) => checks[name]?.ok !== true && !(wanted === "requests" && name === "engine"),
    );
    return missing.length === 0 ? "ready" : `not ready yet: ${missing.join(", ")}`;
  } catch (error) {
    return (error as Error).message;
  }
}
