import { setTimeout } from "node:timers/promises";

/**
 * Repeats work until stopped, never overlapping itself; a failure is told and the next turn comes as usual. Resolves when
 * the last turn has ended, or `abandon` says that it is not to be waited for any longer: it may wait for somebody who
 * does not answer.
 */
export async function repeat(
  everyMs: number,
  work: () => Promise<unknown>,
  { stop, abandon }: { readonly stop: AbortSignal; readonly abandon: AbortSignal },
  onError: (error: Error) => void,
): Promise<void> {
  const abandoned = new Promise<void>((resolve) => abandon.addEventListener("abort", () => resolve(), { once: true }));
  while (!stop.aborted) {
    await Promise.race([work().catch(onError), abandoned]);
    // Several processes do the same: spread, so that they do not all at the same moment.
    await setTimeout(everyMs * (0.75 + Math.random() / 2), undefined, { signal: stop, ref: false }).catch(() => {});
  }
}
