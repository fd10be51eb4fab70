import type { Importance } from "../cloudflare/budget.ts";
import { RESERVED } from "../cloudflare/call-counts.ts";
import { CallMeter } from "../cloudflare/call-meter.ts";
import { Fenced } from "../engine/engine.ts";
import { redactor } from "../engine/redact.ts";
import { addLogFields } from "../telemetry/log-fields.ts";
import { failCurrent, inSpan } from "../telemetry/spans.ts";
import { bringUp } from "./bring-up.ts";
import { classify } from "./classify.ts";
import { pauseAfter, recordDelay, recordInterruption } from "./delay.ts";
import { HostFull } from "./host-places.ts";
import { acquireLease, type Lease } from "./lease.ts";
import { nextStep } from "./next-step.ts";
import type { Operation } from "./operation.ts";
import { operationSpan } from "./operation-span.ts";
import { Recorder } from "./recorder.ts";
import { credentialsId } from "./rotation.ts";
import { type ReconcileIO, type Run, shutOthersOut, type StackKind } from "./run.ts";
import { type ActiveStep, recordAttempt, recordFailure, recordSuccess } from "./run-records.ts";
import type { StackRow } from "./stack-row.ts";
import { tearDown } from "./tear-down.ts";
import { TENANTS } from "./tenant-target.ts";

export type Reconciled =
  /** Another worker is at it. */
  | { kind: "busy" }
  /** As much as may be is at work on its host. */
  | { kind: "full" }
  | { kind: "nothing"; because: string }
  /** `again`: a newer wish has come meanwhile. */
  | { kind: "done"; again: boolean }
  /** Tried again by itself after so many milliseconds, or not (null). */
  | { kind: "failed"; retryInMs: number | null }
  /** There is no room for its calls of Cloudflare's API: tried again after so many milliseconds. */
  | { kind: "delayed"; retryInMs: number }
  /** Stopped in the middle, since this worker shuts down or its database was away: due again. */
  | { kind: "interrupted" }
  /** Stopped in the middle: another worker has taken over. Nothing was recorded. */
  | { kind: "fenced" };

/** Brings a tenant to its row. */
export async function reconcile(tenantId: number, io: ReconcileIO, stop?: AbortSignal): Promise<Reconciled> {
  return reconcileStack(TENANTS, tenantId, io, stop);
}

/**
 * Brings one stack to its row: reads, decides the next step, records the attempt, acts, records the result. May be called
 * at any time, by any worker, after any crash: a second run changes nothing.
 */
export async function reconcileStack<Row extends StackRow>(
  kind: StackKind<Row>,
  id: number,
  io: ReconcileIO,
  stop?: AbortSignal,
): Promise<Reconciled> {
  const lease = await acquireLease(io.db, kind.table, id, io.worker, { perHost: io.perHost }).catch(
    (error: unknown) => {
      if (error instanceof HostFull) return "full" as const;
      throw error;
    },
  );
  if (lease === undefined) return { kind: "busy" };
  if (lease === "full") return { kind: "full" };
  try {
    const step = nextStep(lease.row, io.now());
    if (step.kind === "nothing") return step;
    const { cloudflare } = (await io.platform()).settings;
    const wanted = { purpose: step.kind, calls: RESERVED[step.kind], importance: IMPORTANCE[step.kind] };
    const grant = await io.cloudflare.reserve(cloudflare.accountId, wanted);
    if ("waitMs" in grant) return { kind: "delayed", retryInMs: await recordDelay(io.db, lease, grant.waitMs) };
    const meter = new CallMeter(cloudflare.accountId, wanted.calls);
    try {
      const operation = await recordAttempt(io.db, lease, step, io.worker);
      addLogFields({
        operationId: operation.id,
        ...(operation.requestId === null ? {} : { requestId: operation.requestId }),
      });
      const span = operationSpan(operation, kind.table.spanAttributes(lease.row));
      return await inSpan(`operation ${step.kind}`, span, () =>
        carryOut(kind, io, lease, step, operation, meter, stop),
      );
    } finally {
      await grant.reservation.settle(meter.made);
    }
  } catch (error) {
    if (error instanceof Fenced) return { kind: "fenced" };
    throw error;
  } finally {
    await lease.release().catch(() => {}); // the database is away: the lease runs out by itself
  }
}

const IMPORTANCE: Readonly<Record<ActiveStep["kind"], Importance>> = {
  provision: "customer",
  resume: "customer",
  update: "change",
  suspend: "change",
  delete: "change",
};

const STOPPED = { reason: "interrupted", detail: "the worker shut down in the middle of it" } as const;

async function carryOut<Row extends StackRow>(
  kind: StackKind<Row>,
  io: ReconcileIO,
  lease: Lease<Row>,
  step: ActiveStep,
  operation: Operation,
  meter: CallMeter,
  stop?: AbortSignal,
): Promise<Reconciled> {
  const recorder = new Recorder(io.db, operation.id, (error) =>
    io.log.error({ err: error }, "an operation's events could not be stored"),
  );
  const timings: Record<string, number> = {};
  let hide = (text: string): string => text;
  try {
    await shutOthersOut(io, lease);
    const { settings: platform, clouds: unpaid } = await io.platform();
    const clouds = unpaid.paidBy(meter.pay);
    const target = await kind.target(io, lease, { settings: platform, clouds });
    hide = redactor(target.secrets);
    const signal = stop === undefined ? lease.signal : AbortSignal.any([lease.signal, stop]);
    const run: Run = { io, lease, step, operation, platform, clouds, target, recorder, signal, meter, timings };
    const result = step.kind === "delete" ? await tearDown(run) : await bringUp(run);
    await recorder.flush();
    return {
      kind: "done",
      again: await recordSuccess(
        io.db,
        lease,
        step,
        operation,
        { result, timings, credentials: credentialsId(platform) },
        io.worker,
      ),
    };
  } catch (error) {
    await recorder.flush();
    if (lease.signal.aborted || error instanceof Fenced) throw lease.signal.aborted ? lease.signal.reason : error;
    const { reason, detail } = stop?.aborted === true ? STOPPED : classify(error);
    failCurrent(reason);
    if (reason === "cloudflare-limit") {
      const waitMs = await pauseAfter(io.cloudflare, meter.account, detail);
      const failure = { reason, detail: hide(detail), error, timings };
      return { kind: "delayed", retryInMs: await recordInterruption(io.db, lease, step, operation, failure, waitMs) };
    }
    if (reason === "interrupted") {
      await recordInterruption(io.db, lease, step, operation, { reason, detail: hide(detail), error, timings }, 0);
      return { kind: "interrupted" };
    }
    if (reason === "unexpected") io.log.error({ err: error }, "a reconcile failed unexpectedly");
    const retryInMs = await recordFailure(
      io.db,
      lease,
      operation,
      { reason, detail: hide(detail), error, timings },
      io.worker,
    );
    return { kind: "failed", retryInMs };
  }
}
