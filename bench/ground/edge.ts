import { Agent, request } from "node:http";
import { setTimeout } from "node:timers/promises";
import type { Instance } from "../../sandbox/instance.ts";

/** Between two looks: short against what is measured, long against what a look costs. */
const EVERY_MS = 15;
const PATIENCE_MS = 180_000;

const agent = new Agent({ keepAlive: true });

/**
 * Looks at the tenant's login page through the edge, as a visitor does, until it answers `status`. Resolves with the
 * moment (performance.now()) at which the answer began. Throws when `signal` aborts or after three minutes.
 */
export async function untilStatus(
  instance: Instance,
  subdomain: string,
  status: number,
  signal: AbortSignal,
): Promise<number> {
  let last = 0;
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await setTimeout(EVERY_MS)) {
    signal.throwIfAborted();
    last = await loginStatus(instance, subdomain, signal);
    if (last === status) return performance.now();
  }
  throw new Error(`/web/login of ${subdomain} answers ${last} instead of ${status} after ${PATIENCE_MS / 1_000} s`);
}

/** 0 when nothing answers. */
export async function loginStatus(instance: Instance, subdomain: string, signal?: AbortSignal): Promise<number> {
  return await new Promise((resolve) => {
    const headers = { host: `${subdomain}.${instance.domain}:${instance.ports.edge}` };
    const options = { host: "127.0.0.1", port: instance.ports.edge, path: "/web/login", headers, agent };
    const asked = request({ ...options, ...(signal && { signal }) }, (answer) => {
      answer.resume();
      answer.once("close", () => resolve(answer.statusCode ?? 0));
    });
    asked.once("error", () => resolve(0)).end();
  });
}
