import { SpanKind, type SpanOptions } from "../telemetry/spans.ts";
import type { StartedOperation } from "./operation-rows.ts";
import type { StackTable } from "./stack-row.ts";

/** What the trace of an operation says of it, below what asked for it. */
export function operationSpan(
  { id, kind, queuedAt, traceparent, requestId }: StartedOperation,
  subject: ReturnType<StackTable["spanAttributes"]>,
): SpanOptions {
  return {
    kind: SpanKind.CONSUMER,
    parent: traceparent,
    queuedAt,
    attributes: {
      "odoosaas.operation_id": id,
      "odoosaas.operation": kind,
      ...subject,
      ...(requestId === null ? {} : { "odoosaas.request_id": requestId }),
    },
  };
}
