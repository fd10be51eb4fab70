import { tenantStackName } from "../../components/program.ts";
import { RESERVED } from "../cloudflare/call-counts.ts";
import { redactor } from "../engine/redact.ts";
import { EngineFailure } from "../engine/engine.ts";
import { withLogFields } from "../telemetry/log-fields.ts";
import { failCurrent, inSpan } from "../telemetry/spans.ts";
import { classify } from "./classify.ts";
import { operationSpan } from "./operation-span.ts";
import type { Operation } from "./operation.ts";
import type { Tenant } from "./tenant.ts";
import { finishOperation, operationById, startOperation } from "./operation-rows.ts";
import { Recorder } from "./recorder.ts";
import type { ReconcileIO } from "./run.ts";
import { secretsOf, stackConfig, stackSettings } from "./stack-settings.ts";
import { TENANT_TABLE, tenantById } from "./tenant-rows.ts";

/** Computes what a reconcile would change. Changes nothing, so it needs no lease. */
export async function preview(operationId: number, io: ReconcileIO, signal?: AbortSignal): Promise<void> {
  const operation = await operationById(io.db, operationId);
  const tenant = operation?.tenantId == null ? undefined : await tenantById(io.db, operation.tenantId);
  if (
    operation === undefined ||
    tenant === undefined ||
    operation.status === "succeeded" ||
    operation.status === "failed"
  )
    return;
  const started = await startOperation(io.db, {
    id: operation.id,
    worker: io.worker,
    leaseToken: null,
    generation: tenant.generation,
    kind: "preview",
  });
  const { requestId } = operation;
  const fields = { tenantId: tenant.id, operationId: operation.id, ...(requestId === null ? {} : { requestId }) };
  await withLogFields(fields, () =>
    inSpan("operation preview", operationSpan(started, TENANT_TABLE.spanAttributes(tenant)), () =>
      compute(operation, tenant, io, signal),
    ),
  );
}

async function compute(operation: Operation, tenant: Tenant, io: ReconcileIO, signal?: AbortSignal): Promise<void> {
  const recorder = new Recorder(io.db, operation.id, (error) =>
    io.log.error({ err: error }, "a preview's events could not be stored"),
  );
  let hide = (text: string): string => text;
  try {
    const { settings: platform } = await io.platform();
    const settings = stackSettings(tenant);
    const secrets = secretsOf(platform, settings);
    hide = redactor(secrets);
    const wanted = { purpose: "preview", calls: RESERVED.preview, importance: "background" } as const;
    await io.cloudflare.spend(platform.cloudflare.accountId, wanted, Infinity, signal);
    const { changes, resources, diagnostics, timings } = await io.engine.preview({
      stack: tenantStackName(tenant.subdomain),
      program: [platform, settings],
      config: stackConfig(settings, io.platformStack),
      onEvent: recorder.event,
      secrets,
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
