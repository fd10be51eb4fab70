import type { HostSettings, PlatformSettings } from "../../components/settings/platform-settings.ts";
import type { TenantSettings } from "../../components/settings/tenant-settings.ts";
import { tenantStackName } from "../../components/program.ts";
import type { CloudflareBudget } from "../cloudflare/budget.ts";
import { callsOf } from "../cloudflare/call-counts.ts";
import type { CallMeter } from "../cloudflare/call-meter.ts";
import type { Database } from "../db/database.ts";
import { type Engine, EngineFailure, type EngineResult } from "../engine/engine.ts";
import { endOwner, isLeftBehind, locksIn, type StackLock } from "../engine/stack-lock.ts";
import { inSpan } from "../telemetry/spans.ts";
import type { Clouds } from "./clouds.ts";
import type { Lease } from "./lease.ts";
import type { Operation } from "./operation.ts";
import type { Probe } from "./probe.ts";
import type { Recorder } from "./recorder.ts";
import { endedRuns, type ActiveStep, recordRepair } from "./run-records.ts";

/** What reconciles work with. */
export interface ReconcileIO {
  readonly db: Database;
  readonly engine: Engine;
  /** As the platform's stack says now, with clients for its clouds. */
  readonly platform: () => Promise<{ settings: PlatformSettings; clouds: Clouds }>;
  /** Full name of the platform's stack. */
  readonly platformStack: string;
  readonly probe: Probe;
  /** Of all processes together. */
  readonly cloudflare: CloudflareBudget;
  /** `<host>:<pid>:<start>` */
  readonly worker: string;
  readonly now: () => Date;
  readonly log: { info: (fields: object, message: string) => void; error: (fields: object, message: string) => void };
}

/** One reconcile on its way. */
export interface Run {
  readonly io: ReconcileIO;
  readonly lease: Lease;
  readonly step: ActiveStep;
  readonly operation: Operation;
  readonly platform: PlatformSettings;
  readonly host: HostSettings;
  readonly clouds: Clouds;
  readonly settings: TenantSettings;
  readonly secrets: readonly string[];
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
  readonly meter: CallMeter;
  /** Milliseconds by phase. */
  readonly timings: Record<string, number>;
}

/** Times a phase and tells of it. */
export async function phase<T>(run: Run, name: string, work: () => Promise<T>): Promise<T> {
  run.recorder.phase(name);
  const began = performance.now();
  try {
    return await inSpan(name, {}, work);
  } finally {
    run.timings[`${name}Ms`] = (run.timings[`${name}Ms`] ?? 0) + Math.round(performance.now() - began);
  }
}

/**
 * Does what needs the stack's lock (an update, a deletion, an import of state), and does it again when the lock turns
 * out to have been left behind by a dead worker.
 */
export async function withStaleLockBroken<T>(run: Run, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineFailure) || error.kind !== "locked") throw error;
    const locks = locksIn(error.message);
    if (locks.length === 0) throw error;
    const ended = await endedRuns(run.io.db, run.lease.tenantId, oldestOf(locks));
    await Promise.all(locks.map((lock) => endOwner(lock, ended)));
    if (!locks.every((lock) => isLeftBehind(lock, ended))) throw error;
    await recordRepair(run.io.db, run.lease, run.io.worker, "tenant.unlock", { locks });
    run.recorder.phase("unlock", { locks });
    await run.io.engine.unlock(tenantStackName(run.settings.subdomain));
    return work();
  }
}

/** Counts the calls of Cloudflare's API that the engine makes. */
export async function metered(
  run: Run,
  ran: "up" | "destroy",
  work: () => Promise<EngineResult>,
): Promise<EngineResult> {
  try {
    const result = await work();
    run.meter.add(callsOf(result, ran), true);
    return result;
  } catch (error) {
    // A program that failed tells nothing of the calls it made itself.
    if (error instanceof EngineFailure) run.meter.add(callsOf(error.result, ran), false);
    throw error;
  }
}

function oldestOf(locks: readonly StackLock[]): Date {
  return new Date(Math.min(...locks.map(({ at }) => at.getTime())));
}
