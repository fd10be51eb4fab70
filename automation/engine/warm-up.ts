import type { ReadinessCheck } from "../readiness.ts";
import type { PulumiEngine } from "./pulumi-engine.ts";

/**
 * Starts the engine's threads and providers in the background. The check passes once they are there; after a failure
 * each look begins anew, so that a process whose cause has gone becomes ready by itself.
 */
export function warmUp(engine: Pick<PulumiEngine, "warm">, onError: (error: Error) => void): ReadinessCheck {
  let state: "cold" | "warming" | "warm" = "cold";
  const begin = (): void => {
    state = "warming";
    engine.warm().then(
      () => (state = "warm"),
      (error: unknown) => {
        state = "cold";
        onError(error as Error);
      },
    );
  };
  begin();
  return {
    name: "engine",
    check: async () => {
      if (state === "warm") return;
      if (state === "cold") begin();
      throw new Error("the engine is not warm yet");
    },
  };
}
