import { SpanKind, type SpanOptions } from "../telemetry/spans.ts";
import type { StartedOperation } from "./operation-rows.ts";
import type { Tenant } from "./tenant.ts";

/** What the trace of an operation says of it, below what asked for it. */
export function operationSpan(
  { id, kind, queuedAt, traceparent, requestId }: StartedOperation,
  tenant: Pick<Tenant, "id" | "subdomain">,
): SpanOptions {
  return {
    kind: SpanKind.CONSUMER,
    parent: traceparent,
    queuedAt,
    attributes: {
      "odoosaas.operation_id": id,
      "odoosaas.operation": kind,
      "odoosaas.tenant_id": tenant.id,
      "odoosaas.subdomain": tenant.subdomain,
      ...(requestId === null ? {} : { "odoosaas.request_id": requestId }),
    },
  };
}
