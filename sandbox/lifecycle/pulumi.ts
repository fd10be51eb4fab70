import { spawn } from "node:child_process";
import { engineEnvironment } from "../engine/environment.ts";
import { provideEngine } from "../engine/provide.ts";
import type { Instance } from "../instance.ts";
import { withAdministratorsKey } from "./administrator.ts";
import { askApi, listTenants } from "./api.ts";
import { PLATFORM_STACK } from "./platform-stack.ts";
import { prepareProject, writeStackFile } from "./project.ts";
import { findRun } from "./running.ts";
import { instanceSecrets } from "./secrets.ts";
import { NotRunning } from "./status.ts";

/** `npm run pulumi -- <args>`: the engine's command line on the running instance. Resolves with its exit code. */
export async function pulumiCommand(instance: Instance | undefined, args: readonly string[]): Promise<number> {
  if (!instance || findRun(instance)?.phase !== "ready") {
    throw new NotRunning(
      "The sandbox is not running, and the stacks' state is in its PostgreSQL. Start it with: npm start",
    );
  }
  const cwd = prepareProject(instance);
  const subdomain = tenantOf(args);
  if (subdomain !== undefined) await writeTenantFile(instance, subdomain);
  const engine = await provideEngine(instance.cache, () => {});
  return await withAdministratorsKey(instanceSecrets(instance), async (key) => {
    const env = { ...engineEnvironment(instance, engine), ...key };
    const child = spawn(engine.command, args, { cwd, env, stdio: "inherit" });
    // Ctrl-C reaches the engine by the terminal; it then stops in order, and this process waits for it.
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.on(signal, () => signal === "SIGTERM" && child.kill(signal));
    return await new Promise((resolve, reject) => {
      child.once("exit", (code) => resolve(code ?? 1)).once("error", reject);
    });
  });
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
 * from the stack's file, which is written from the server's answer each time, so that both see the same.
 */
async function writeTenantFile(instance: Instance, subdomain: string): Promise<void> {
  const secrets = instanceSecrets(instance);
  const tenant = (await listTenants(instance, secrets)).find((each) => each.subdomain === subdomain);
  if (!tenant) return; // a stack that an operator makes by hand brings its own configuration
  const { config } = (await askApi(instance, secrets, `/api/tenants/${tenant.id}/config`)) as {
    config: Record<string, unknown>;
  };
  writeStackFile(instance, subdomain, config);
}
