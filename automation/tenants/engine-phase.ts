import type { EngineResult, RunEvent } from "../engine/engine.ts";
import { resourceSpans } from "../engine/resource-spans.ts";
import { metered, phase, type Run, withStaleLockBroken } from "./run.ts";

/**
 * The phase in which the engine works on the tenant's stack: its calls of Cloudflare's API are counted, what it tells is
 * recorded, and each resource has a span of its own.
 */
export async function enginePhase(
  run: Run,
  verb: "up" | "destroy",
  work: (onEvent: (event: RunEvent) => void) => Promise<EngineResult>,
): Promise<EngineResult> {
  return phase(run, "engine", async () => {
    const spans = resourceSpans();
    const onEvent = (event: RunEvent): void => {
      run.recorder.event(event);
      spans.event(event);
    };
    try {
      return await withStaleLockBroken(run, () => metered(run, verb, () => work(onEvent)));
    } finally {
      spans.close();
    }
  });
}
