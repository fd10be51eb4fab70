import { spawn } from "node:child_process";
import { engineEnvironment } from "../engine/environment.ts";
import { provideEngine } from "../engine/provide.ts";
import { signalProcess } from "../host/process-identity.ts";
import type { Instance } from "../instance.ts";
import { withAdministratorsKey } from "./administrator.ts";
import { askApi, listTenants } from "./api.ts";
import { markedProcesses } from "./leftovers.ts";
import { PLATFORM_STACK } from "./platform-stack.ts";
import { prepareProject, writeStackFile } from "./project.ts";
import { findRun } from "./running.ts";
import { instanceSecrets } from "./secrets.ts";
import { NotRunning } from "./status.ts";

/** In the environment of all that one command starts. */
const RUN = "ODOO_TENANTS_PULUMI_RUN";

/** `npm run pulumi -- <args>`: the engine's command line on the running instance. Resolves with its exit code. */
export async function pulumiCommand(instance: Instance | undefined, args: readonly string[]): Promise<number> {
  if (!instance || findRun(instance)?.phase !== "ready") {
    throw new NotRunning(
      "The sandbox is not running, and the stacks' state is in its PostgreSQL. Start it with: npm start",
    );
  }
  const cwd = prepareProject(instance);
  const subdomain = tenantOf(args);
  const isKnown = subdomain === undefined || (await writeTenantFile(instance, subdomain));
  const engine = await provideEngine(instance.cache, () => {});
  const run = `${process.pid}-${Date.now()}`;
  const exitCode = await withAdministratorsKey(instanceSecrets(instance), async (key) => {
    const env = { ...engineEnvironment(instance, engine), ...key, [RUN]: run };
    const child = spawn(engine.command, args, { cwd, env, stdio: "inherit" });
    // Ctrl-C reaches the engine by the terminal; it then stops in order, and this process waits for it.
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.on(signal, () => signal === "SIGTERM" && child.kill(signal));
    return await new Promise<number>((resolve, reject) => {
      child.once("exit", (code) => resolve(code ?? 1)).once("error", reject);
    });
  });
  // One that fails early leaves its language host, which looks every five minutes only whether the engine is still there.
  for (const left of markedProcesses(RUN, run)) signalProcess(left, "SIGTERM");
  if (exitCode !== 0 && !isKnown)
    console.error(
      `The server knows no tenant "${subdomain}"; npm run status shows all. The platform's stack is -s prod.`,
    );
  return exitCode;
}

/** The tenant whose stack the arguments name, if they name one: "-s acme", "--stack=organization/odoosaas/acme". */
export function tenantOf(args: readonly string[]): string | undefined {
  for (const [index, arg] of args.entries()) {
    const named = arg === "-s" || arg === "--stack" ? args[index + 1] : /^(?:-s=?|--stack=)(.+)$/.exec(arg)?.[1];
    const stack = named?.split("/").at(-1);
    if (stack !== undefined) return stack === PLATFORM_STACK ? undefined : stack;
  }
  return undefined;
}

/**
 * The server keeps a tenant's settings in its database and passes them to the engine; an operator's engine reads them
 * from the stack's file, which is written from the server's answer each time, so that both see the same. False when the
 * server knows no such tenant.
 */
async function writeTenantFile(instance: Instance, subdomain: string): Promise<boolean> {
  const secrets = instanceSecrets(instance);
  const tenant = (await listTenants(instance, secrets)).find((each) => each.subdomain === subdomain);
  if (!tenant) return false; // a stack that an operator makes by hand brings its own configuration
  const { config } = (await askApi(instance, secrets, `/api/tenants/${tenant.id}/config`)) as {
    config: Record<string, unknown>;
  };
  writeStackFile(instance, subdomain, config);
  return true;
}
