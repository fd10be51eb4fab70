import type { World } from "../world.ts";

/** The emulated Cloudflare's doors for tests: sandbox/cloudflare/README.md. */
export async function door<T = unknown>(world: World, method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${world.sandbox.instance.ports.cloudflare}${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { result: T }).result;
}

/** Calls of the API since the last reset, by method and path. */
export async function callsMade(world: World): Promise<Record<string, number>> {
  return await door(world, "GET", "/__calls");
}
