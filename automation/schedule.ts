import { setTimeout } from "node:timers/promises";

/** Repeats work until stopped, never overlapping itself; a failure is told and the next turn comes as usual. */
export async function repeat(
  everyMs: number,
  work: () => Promise<unknown>,
  stop: AbortSignal,
  onError: (error: Error) => void,
): Promise<void> {
  while (!stop.aborted) {
    await work().catch(onError);
    // Several processes do the same: spread, so that they do not all at the same moment.
    await setTimeout(everyMs * (0.75 + Math.random() / 2), undefined, { signal: stop, ref: false }).catch(() => {});
  }
}
