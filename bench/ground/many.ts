import { setTimeout } from "node:timers/promises";

/** Runs the works, `limit` at once; throws the first failure when all that began have ended. */
export async function several<T>(limit: number, works: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  const waiting = works.entries();
  let failed = false;
  const lane = async () => {
    for (const [index, work] of waiting) {
      if (failed) return;
      try {
        results[index] = await work();
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: limit }, lane));
  for (const ended of lanes) if (ended.status === "rejected") throw ended.reason;
  return results;
}

/** The largest value that `look` gives until `done`; looks once a second. */
export async function peakOf(look: () => number, done: Promise<unknown>): Promise<number> {
  let peak = look();
  let over = false;
  const end = done.then(
    () => (over = true),
    () => (over = true),
  );
  while (!over) {
    await Promise.race([end, setTimeout(1_000, undefined, { ref: false })]);
    peak = Math.max(peak, look());
  }
  return peak;
}
