import { setTimeout } from "node:timers/promises";
import type { World } from "../world.ts";

/** Visits without a pause while something is done; every answer that was not the login page. */
export async function whileVisited(
  world: Pick<World, "visit">,
  subdomains: string[],
  work: () => Promise<void>,
): Promise<{ visits: number; bad: string[] }> {
  const bad: string[] = [];
  let visits = 0;
  let done = false;
  const visitor = async (subdomain: string): Promise<void> => {
    while (!done) {
      const seen = await world
        .visit(subdomain, "/web/login")
        .catch((error: unknown) => ({ status: 0, body: String(error) }));
      visits += 1;
      if (seen.status !== 200) bad.push(`${subdomain}: ${seen.status} ${seen.body.slice(0, 200)}`);
      await setTimeout(20);
    }
  };
  const visitors = subdomains.flatMap((subdomain) => [visitor(subdomain), visitor(subdomain)]);
  await work().finally(() => (done = true));
  await Promise.all(visitors);
  return { visits, bad };
}
