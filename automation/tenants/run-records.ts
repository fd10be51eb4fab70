import { type AuditLine, recordAudit } from "../audit/record.ts";
import type { Database, Transaction } from "../db/database.ts";
import { storedText } from "../db/stored-text.ts";
import { EngineFailure, type EngineResult } from "../engine/engine.ts";
import { backupPath } from "./backup-path.ts";
import { checkLease, type Lease } from "./lease.ts";
import type { Step } from "./next-step.ts";
import {
  abandonOperations,
  finishWaitingDeletions,
  finishOperation,
  insertOperation,
  type StartedOperation,
  startOperation,
  waitingOperation,
} from "./operation-rows.ts";
import type { Operation } from "./operation.ts";
import { afterFailure, type FailuresInARow, oneMore, type ReasonKey } from "./reasons.ts";
import { wantedSecrets } from "./rotation.ts";
import type { StackTable } from "./stack-row.ts";

export type ActiveStep = Exclude<Step, { kind: "nothing" }>;

const SET_STATE = ({ name }: StackTable): string => `update ${name} set state = $2, updated_at = now() where id = $1`;

/** Before anything is done, so that a crash leaves a trace: the state, and an operation that is running. */
export async function recordAttempt(
  db: Database,
  lease: Lease,
  step: ActiveStep,
  worker: string,
): Promise<StartedOperation> {
  return db.transaction(async (tx) => {
    await checkLease(tx, lease);
    const { table, id, row, token } = lease;
    const of = table.owner(id);
    await abandonOperations(tx, of, token, "the worker was lost; another has taken over");
    await tx.query(SET_STATE(table), [id, step.during]);
    const waiting =
      (await waitingOperation(tx, of)) ??
      (await insertOperation(tx, {
        of,
        kind: step.kind,
        generation: row.generation,
        requestedBy: `worker:${worker}`,
        requestId: null,
      }));
    return startOperation(tx, {
      id: waiting.id,
      worker,
      leaseToken: token,
      generation: row.generation,
      kind: step.kind,
    });
  });
}

const SET_CLAIMED = ({ name }: StackTable): string => `update ${name} set claimed = true where id = $1`;

export async function recordClaim(db: Database, lease: Lease): Promise<void> {
  await db.transaction(async (tx) => {
    await checkLease(tx, lease);
    await tx.query(SET_CLAIMED(lease.table), [lease.id]);
  });
}

const SET_CREDENTIALS = ({ name }: StackTable): string => `
  update ${name} set applied_secrets = applied_secrets || jsonb_build_object('credentials', $2::text)
  where id = $1`;

/** The state holds these credentials of the platform's, as `credentialsId` names them. */
export async function recordCredentials(db: Database, lease: Lease, credentials: string): Promise<void> {
  await db.transaction(async (tx) => {
    await checkLease(tx, lease);
    await tx.query(SET_CREDENTIALS(lease.table), [lease.id, credentials]);
  });
}

/** What a repair (`repair`, `unlock`) does to the state, told before it takes effect. */
export async function recordRepair(
  db: Database,
  lease: Lease,
  worker: string,
  action: string,
  after: unknown,
): Promise<void> {
  await db.transaction(async (tx) => {
    await checkLease(tx, lease);
    await audit(tx, lease, worker, { action, after });
  });
}

export interface Outcome {
  result: EngineResult;
  /** Of the platform, as `credentialsId` names them. */
  credentials: string;
  timings: Readonly<Record<string, number>>;
}

const SET_CONVERGED = ({ name }: StackTable): string => `
  update ${name} set
    state = $2, converged_state = $2, state_reason = null, state_detail = null, observed_generation = $3, attempts = 0, strikes = 0, retry_at = null,
    tunnel_id = coalesce($4, tunnel_id), tunnel_url = coalesce($5, tunnel_url), direct_url = coalesce($6, direct_url),
    tunnel_active = $7,
    ready_at = case when $2 = 'active' then coalesce(ready_at, now()) else ready_at end,
    deleted_at = case when $2 = 'deleted' then now() end, applied_secrets = $8,
    lease_owner = null, lease_until = null, updated_at = now()
  where id = $1
  returning generation`;

/** The wish of that generation is fulfilled. Returns whether a newer one has come meanwhile. */
export async function recordSuccess(
  db: Database,
  lease: Lease,
  step: ActiveStep,
  operation: Operation,
  outcome: Outcome,
  worker: string,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    await checkLease(tx, lease);
    const { tunnelId, url, directUrl } = outcome.result.outputs as Partial<Record<string, string>>;
    const { rows } = await tx.query<{ generation: number }>(SET_CONVERGED(lease.table), [
      lease.id,
      step.after,
      operation.generation,
      tunnelId ?? null,
      url ?? null,
      directUrl ?? null,
      step.after === "active",
      JSON.stringify({ ...wantedSecrets(lease.row), credentials: outcome.credentials }),
    ]);
    const { changes, resources, diagnostics } = outcome.result;
    await finishOperation(tx, {
      id: operation.id,
      status: "succeeded",
      changes,
      resources,
      diagnostics,
      timings: outcome.timings,
    });
    await audit(tx, lease, worker, {
      action: step.after,
      after: { state: step.after, operation: operation.id, backup: backupPath(diagnostics) },
    });
    if (step.after === "deleted") {
      await finishWaitingDeletions(tx, lease.table.owner(lease.id)); // no run comes any more that would
      return false;
    }
    return (rows[0]?.generation ?? 0) > operation.generation;
  });
}

const SET_FAILED = ({ name }: StackTable): string => `
  update ${name} set
    state = $2, state_reason = $3, state_detail = $4, attempts = $6, strikes = $7,
    retry_at = now() + make_interval(secs => $5::double precision / 1000),
    lease_owner = null, lease_until = null, updated_at = now()
  where id = $1`;

const FAILURES_IN_A_ROW = ({ name }: StackTable): string => `
  select generation, attempts, strikes, state_reason as "lastReason" from ${name} where id = $1`;

export interface Failure {
  reason: ReasonKey;
  detail: string;
  error: unknown;
  timings: Readonly<Record<string, number>>;
}

/** Returns after how many milliseconds it is to be tried again; null for never by itself. */
export async function recordFailure(
  db: Database,
  lease: Lease,
  operation: Operation,
  failure: Failure,
  worker: string,
): Promise<number | null> {
  const result = failure.error instanceof EngineFailure ? failure.error.result : undefined;
  return db.transaction(async (tx) => {
    await checkLease(tx, lease);
    const now = await rowNow(tx, lease);
    const failures = oneMore(now, now.lastReason, failure.reason);
    // A newer wish may be the very correction: it is due at once, whatever has become of this one.
    const newer = now.generation > operation.generation;
    const { state, retryInMs } = newer
      ? ({ state: "failed", retryInMs: 0 } as const)
      : afterFailure(failure.reason, failures);
    await tx.query(SET_FAILED(lease.table), [
      lease.id,
      state,
      failure.reason,
      storedText(failure.detail.slice(0, 2_000)),
      retryInMs,
      failures.attempts,
      failures.strikes,
    ]);
    await finishOperation(tx, {
      id: operation.id,
      status: state,
      changes: result?.changes,
      resources: result?.resources,
      diagnostics: result?.diagnostics,
      timings: failure.timings,
      error: `${failure.reason}: ${failure.detail}`,
    });
    await audit(tx, lease, worker, {
      action: state,
      after: { state, reason: failure.reason, operation: operation.id, backup: backupPath(result?.diagnostics) },
    });
    return retryInMs;
  });
}

interface RowNow extends FailuresInARow {
  readonly generation: number;
  readonly lastReason: string | null;
}

/** What a change of the wish during the run has made of it. */
async function rowNow(tx: Transaction, { table, id }: Lease): Promise<RowNow> {
  const { rows } = await tx.query<RowNow & { [column: string]: unknown }>(FAILURES_IN_A_ROW(table), [id]);
  return rows[0] as RowNow; // locked, and rows are never removed
}

async function audit(
  tx: Transaction,
  { table, row }: Lease,
  worker: string,
  line: Pick<AuditLine, "action" | "after">,
): Promise<void> {
  await recordAudit(tx, {
    actor: `worker:${worker}`,
    action: `${table.subject}.${line.action}`,
    subjectType: table.subject,
    subjectId: table.subjectId(row),
    before: { state: row.state },
    after: line.after,
  });
}
