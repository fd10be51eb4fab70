import { setTimeout } from "node:timers/promises";
import { inspect } from "node:util";

/** Polls until `good`; says what was last seen when it never was. */
export async function until<T>(
  what: string,
  look: () => Promise<T> | T,
  good: (seen: T) => boolean,
  withinMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (good(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what}; last saw ${inspect(seen)}`);
    await setTimeout(Math.min(200, withinMs / 20));
  }
}
