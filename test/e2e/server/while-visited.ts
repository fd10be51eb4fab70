import { setTimeout } from "node:timers/promises";
import type { World } from "../world.ts";

/**
 * Visits without a pause while something is done; every answer that was not the login page, and the milliseconds from
 * the first such visit's begin to the last one's end.
 */
export async function whileVisited(
  world: Pick<World, "visit">,
  subdomains: string[],
  work: () => Promise<void>,
): Promise<{ visits: number; bad: string[]; badMs: number }> {
  const bad: string[] = [];
  let visits = 0;
  let done = false;
  let firstBad = Infinity;
  let lastBad = -Infinity;
  const visitor = async (subdomain: string): Promise<void> => {
    while (!done) {
      const began = performance.now();
      const seen = await world
        .visit(subdomain, "/web/login")
        .catch((error: unknown) => ({ status: 0, body: String(error) }));
      visits += 1;
      if (seen.status !== 200) {
        bad.push(`${subdomain}: ${seen.status} ${seen.body.slice(0, 200)}`);
        firstBad = Math.min(firstBad, began);
        lastBad = performance.now();
      }
      await setTimeout(20);
    }
  };
  const visitors = subdomains.flatMap((subdomain) => [visitor(subdomain), visitor(subdomain)]);
  await work().finally(() => (done = true));
  await Promise.all(visitors);
  return { visits, bad, badMs: bad.length === 0 ? 0 : Math.round(lastBad - firstBad) };
}
