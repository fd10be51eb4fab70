import { context, type Span } from "@opentelemetry/api";
import { beginSpan, fail } from "../telemetry/spans.ts";
import type { RunEvent } from "./engine.ts";

/**
 * A span for each resource that a run of the engine touches, below the span that is active now: `create <type>`, with
 * the URN. `close` ends those whose end was never told, as in a run that was killed.
 */
export function resourceSpans(): { event: (event: RunEvent) => void; close: () => void } {
  const open = new Map<string, Span>();
  const below = context.bind(context.active(), beginSpan);
  return {
    event: (event) => {
      if (event.kind !== "resource") return;
      const { urn, type, op } = event.change;
      const key = `${op} ${urn}`;
      if (event.step === "begin") {
        open.set(key, below(`${op} ${type}`, { "pulumi.urn": urn, "pulumi.type": type, "pulumi.op": op }));
        return;
      }
      const span = open.get(key);
      if (span === undefined) return;
      open.delete(key);
      if (event.step === "failed") fail(span, "resource-failed");
      span.end();
    },
    close: () => {
      for (const span of open.values()) {
        fail(span, "unfinished");
        span.end();
      }
      open.clear();
    },
  };
}
