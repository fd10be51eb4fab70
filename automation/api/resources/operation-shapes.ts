import { z } from "zod";
import { tunnelName } from "../../../components/tenant/names.ts";
import type { Operation } from "../../tenants/operation.ts";
import { iso, NullableTimestamp, Timestamp } from "./fields.ts";

export const OPERATION_KINDS = ["provision", "update", "suspend", "resume", "delete", "preview"] as const;
export const OPERATION_STATUSES = ["queued", "running", "succeeded", "failed", "stalled", "superseded"] as const;

/** The short form that comes with an accepted change. */
export const OperationLink = z
  .object({
    id: z.int(),
    kind: z.enum(OPERATION_KINDS),
    status: z.enum(OPERATION_STATUSES),
    url: z
      .string()
      .meta({ example: "/api/operations/12", description: "Where its progress is; add /events for a live stream." }),
  })
  .meta({ id: "OperationLink" });

const ResourceChange = z.object({
  urn: z.string(),
  type: z.string(),
  op: z.string(),
  diff: z.record(z.string(), z.string()).optional(),
  seconds: z.number().optional(),
  failed: z.boolean().optional(),
});

const Diagnostic = z.object({
  severity: z.enum(["info", "warning", "error"]),
  urn: z.string().optional(),
  message: z.string(),
});

export const OperationBody = z
  .object({
    id: z.int(),
    tenant_id: z.int().nullable().meta({ description: "null: of a container's own tunnel." }),
    standalone_tunnel_id: z
      .int()
      .nullable()
      .meta({ description: "Number of the container's own tunnel that it is of; null: of a tenant." }),
    tunnel_name: z.string().nullable().meta({
      description: "Name of the container's own tunnel that it is of; null: of a tenant.",
      example: "shop-tunnel",
    }),
    kind: z.enum(OPERATION_KINDS),
    status: z.enum(OPERATION_STATUSES),
    generation: z.int().meta({ description: "Generation of the wish it works for." }),
    requested_by: z.string(),
    request_id: z.string().nullable(),
    worker: z.string().nullable(),
    queued_at: Timestamp,
    started_at: NullableTimestamp,
    finished_at: NullableTimestamp,
    seconds: z.number().nullable().meta({ description: "From queued to finished." }),
    changes: z
      .record(z.string(), z.int())
      .nullable()
      .meta({ description: "Resources by the engine's step.", example: { create: 9, same: 2 } }),
    resources: z.array(ResourceChange).nullable(),
    diagnostics: z.array(Diagnostic).nullable(),
    timings: z.record(z.string(), z.number()).nullable().meta({ description: "Milliseconds by phase." }),
    error: z.string().nullable(),
    url: z.string(),
  })
  .meta({ id: "Operation" });

export function operationUrl(id: number): string {
  return `/api/operations/${id}`;
}

export function linkOf(operation: Operation): z.infer<typeof OperationLink> {
  const { id, kind, status } = operation;
  return { id, kind, status, url: operationUrl(id) };
}

export function operationBody(operation: Operation): z.infer<typeof OperationBody> {
  const { queuedAt, startedAt, finishedAt } = operation;
  return {
    id: operation.id,
    tenant_id: operation.tenantId,
    standalone_tunnel_id: operation.standaloneTunnelId,
    tunnel_name: operation.tunnelLabel === null ? null : tunnelName(operation.tunnelLabel),
    kind: operation.kind,
    status: operation.status,
    generation: operation.generation,
    requested_by: operation.requestedBy,
    request_id: operation.requestId,
    worker: operation.worker,
    queued_at: iso(queuedAt),
    started_at: iso(startedAt),
    finished_at: iso(finishedAt),
    seconds: finishedAt === null ? null : (finishedAt.getTime() - queuedAt.getTime()) / 1_000,
    changes: operation.changes,
    resources: operation.resources === null ? null : [...operation.resources],
    diagnostics: operation.diagnostics === null ? null : [...operation.diagnostics],
    timings: operation.timings,
    error: operation.error,
    url: operationUrl(operation.id),
  };
}
