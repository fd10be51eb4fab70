import { RESERVED } from "../cloudflare/call-counts.ts";
import { EngineFailure } from "../engine/engine.ts";
import { redactor } from "../engine/redact.ts";
import { withLogFields } from "../telemetry/log-fields.ts";
import { failCurrent, inSpan } from "../telemetry/spans.ts";
import { classify } from "./classify.ts";
import { finishOperation, operationById, startOperation } from "./operation-rows.ts";
import { operationSpan } from "./operation-span.ts";
import { isFinished, type Operation } from "./operation.ts";
import { Recorder } from "./recorder.ts";
import type { ReconcileIO, StackKind } from "./run.ts";
import type { StackRow } from "./stack-row.ts";
import { TENANTS } from "./tenant-target.ts";

/**
 * Computes what a reconcile would change, of a tenant or of a container's own tunnel (`tunnels` is their kind). Changes
 * nothing, so it needs no lease.
 */
export async function preview<Tunnel extends StackRow>(
  operationId: number,
  io: ReconcileIO,
  tunnels: StackKind<Tunnel>,
  signal?: AbortSignal,
): Promise<void> {
  const operation = await operationById(io.db, operationId);
  if (operation === undefined || isFinished(operation)) return;
  const { tenantId, standaloneTunnelId } = operation;
  if (tenantId !== null) await previewOf(TENANTS, tenantId, operation, io, signal);
  else if (standaloneTunnelId !== null) await previewOf(tunnels, standaloneTunnelId, operation, io, signal);
}

async function previewOf<Row extends StackRow>(
  kind: StackKind<Row>,
  id: number,
  operation: Operation,
  io: ReconcileIO,
  signal?: AbortSignal,
): Promise<void> {
  const { name, columns, owner, spanAttributes } = kind.table;
  const [row] = (await io.db.query<Row>(`select ${columns} from ${name} where id = $1`, [id])).rows;
  if (row === undefined) return;
  const started = await startOperation(io.db, {
    id: operation.id,
    worker: io.worker,
    leaseToken: null,
    generation: row.generation,
    kind: "preview",
  });
  const { requestId } = operation;
  const fields = { ...owner(id), operationId: operation.id, ...(requestId === null ? {} : { requestId }) };
  await withLogFields(fields, () =>
    inSpan("operation preview", operationSpan(started, spanAttributes(row)), () =>
      compute(kind, operation, row, io, signal),
    ),
  );
}

async function compute<Row extends StackRow>(
  kind: StackKind<Row>,
  operation: Operation,
  row: Row,
  io: ReconcileIO,
  signal?: AbortSignal,
): Promise<void> {
  const recorder = new Recorder(io.db, operation.id, (error) =>
    io.log.error({ err: error }, "a preview's events could not be stored"),
  );
  let hide = (text: string): string => text;
  try {
    const { settings: platform } = await io.platform();
    const { program, ...input } = kind.input(row, platform, io.platformStack);
    hide = redactor(input.secrets);
    const wanted = { purpose: "preview", calls: RESERVED.preview, importance: "background" } as const;
    await io.cloudflare.spend(platform.cloudflare.accountId, wanted, Infinity, signal);
    const { changes, resources, diagnostics, timings } = await io.engine.preview({
      ...input,
      program: program(),
      onEvent: recorder.event,
      ...(signal && { signal }),
    });
    await recorder.flush();
    await finishOperation(io.db, { id: operation.id, status: "succeeded", changes, resources, diagnostics, timings });
  } catch (error) {
    await recorder.flush();
    const { reason, detail } = classify(error);
    failCurrent(reason);
    const result = error instanceof EngineFailure ? error.result : undefined;
    await finishOperation(io.db, {
      ...result,
      id: operation.id,
      status: "failed",
      error: `${reason}: ${hide(detail)}`,
    });
  }
}
