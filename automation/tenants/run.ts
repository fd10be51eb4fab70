import type { HostSettings, PlatformSettings } from "../../components/settings/platform-settings.ts";
import type { Adoption } from "../../components/tenant/tenant.ts";
import type { CloudflareBudget } from "../cloudflare/budget.ts";
import { callsOf } from "../cloudflare/call-counts.ts";
import type { CallMeter } from "../cloudflare/call-meter.ts";
import type { Database } from "../db/database.ts";
import { type Engine, EngineFailure, type Fence, type EngineResult } from "../engine/engine.ts";
import { endOwner, isLeftBehind, locksIn, type StackLock } from "../engine/stack-lock.ts";
import { inSpan } from "../telemetry/spans.ts";
import type { Clouds } from "./clouds.ts";
import type { Findings } from "./findings.ts";
import { checkLease, type Lease } from "./lease.ts";
import { endedRuns } from "./operation-rows.ts";
import type { Operation } from "./operation.ts";
import type { Platform } from "./platform-source.ts";
import type { Probe } from "./probe.ts";
import type { Recorder } from "./recorder.ts";
import { type ActiveStep, recordRepair } from "./run-records.ts";
import type { StackRow, StackTable } from "./stack-row.ts";

/** What reconciles work with. */
export interface ReconcileIO {
  readonly db: Database;
  readonly engine: Engine;
  /** As the platform's stack says now, with clients for its clouds. */
  readonly platform: () => Promise<Platform>;
  /** Full name of the platform's stack. */
  readonly platformStack: string;
  readonly probe: Probe;
  /** Of all processes together. */
  readonly cloudflare: CloudflareBudget;
  /** Runs for one host at once, of all processes together. */
  readonly perHost: number;
  /** `<host>:<pid>:<start>` */
  readonly worker: string;
  readonly now: () => Date;
  readonly log: { info: (fields: object, message: string) => void; error: (fields: object, message: string) => void };
}

export interface ProgramChoice {
  readonly adopt: Adoption;
  /** See components/tenant/tenant.ts. Default false. */
  readonly passwordByHost?: boolean;
}

/** What the engine is given of a stack, to run it or to preview it. */
export interface StackInput {
  /** Full name. */
  readonly stack: string;
  /** Values that must not be seen in events, diagnostics and errors of its runs. */
  readonly secrets: readonly string[];
  /** For the CLI's benefit: see ProgramRun. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Arguments of automation/engine/stack-program.ts. */
  program(how?: ProgramChoice): readonly unknown[];
}

/** What a row asks for: a stack, and how it is looked for and proven. */
export interface Target extends StackInput {
  /** Subdomain of a tenant, label of a container's own tunnel. */
  readonly name: string;
  readonly host: HostSettings;
  /** Type of the component that is the whole stack. */
  readonly component: string;
  /** What bears its names in the clouds. */
  look(): Promise<Findings>;
  /** Undefined when it is as it should be after the update; otherwise what is not, in words. */
  prove(run: Run, claimed: { readonly found: Findings }, result: EngineResult): Promise<string | undefined>;
}

/** A kind of stacks that are kept as rows say: tenants (tenant-target.ts), containers' own tunnels (automation/tunnels). */
export interface StackKind<Row extends StackRow> {
  readonly table: StackTable<Row>;
  /** Throws TenantFailure when what the row says is no input. */
  input(row: Row, platform: PlatformSettings, platformStack: string): StackInput;
  /** Throws TenantFailure when the row, or the platform, does not allow it. */
  target(io: ReconcileIO, lease: Lease<Row>, platform: Platform): Promise<Target>;
}

/** One reconcile on its way. */
export interface Run {
  readonly io: ReconcileIO;
  readonly lease: Lease;
  readonly step: ActiveStep;
  readonly operation: Operation;
  readonly platform: PlatformSettings;
  readonly clouds: Clouds;
  readonly target: Target;
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

/** Runs for a row are told apart by its lease's number, which only grows. */
export function fenceOf({ table, id, token }: Pick<Lease, "table" | "id" | "token">): Fence {
  return { subject: `${table.subject}-${id}`, token };
}

/**
 * Shuts out whoever held the lease before, however much of it is still there. The row is held meanwhile, so
 * that nobody can take the lease over and be shut out in turn.
 */
export async function shutOthersOut(io: Pick<ReconcileIO, "db" | "engine">, lease: Lease): Promise<void> {
  await io.db.transaction(async (tx) => {
    await checkLease(tx, lease);
    await io.engine.raiseFence(fenceOf(lease));
  });
}

/**
 * Does what needs the stack's lock (an update, a deletion, an import of state), and does it again when the lock turns
 * out to have been left behind: by a dead worker, or by whomever an operator knows to be dead.
 */
export async function withStaleLockBroken<T>(run: Run, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineFailure) || error.kind !== "locked") throw error;
    const locks = locksIn(error.message);
    if (locks.length === 0) throw error;
    const ended = await endedRuns(run.io.db, run.lease.table.owner(run.lease.id), oldestOf(locks));
    await Promise.all(locks.map((lock) => endOwner(lock, ended)));
    const { unlockBefore } = run.lease.row;
    const isDead = (lock: StackLock): boolean => unlockBefore != null && lock.at <= unlockBefore;
    if (!locks.every((lock) => isDead(lock) || isLeftBehind(lock, ended))) throw error;
    await recordRepair(run.io.db, run.lease, run.io.worker, "unlock", { locks });
    run.recorder.phase("unlock", { locks });
    run.lease.assertHeld();
    await run.io.engine.unlock(run.target.stack, { signal: run.signal, fence: fenceOf(run.lease) });
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
