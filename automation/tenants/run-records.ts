import { type AuditLine, recordAudit } from "../audit/record.ts";
import type { Database, Queryable, Transaction } from "../db/database.ts";
import { EngineFailure, type EngineResult } from "../engine/engine.ts";
import { checkLease, type Lease } from "./lease.ts";
import type { Step } from "./next-step.ts";
import {
  abandonOperations,
  finishOperation,
  insertOperation,
  type StartedOperation,
  startOperation,
  waitingOperation,
} from "./operation-rows.ts";
import type { Operation } from "./operation.ts";
import { afterFailure, type ReasonKey } from "./reasons.ts";
import { wantedSecrets } from "./rotation.ts";
import type { Tenant } from "./tenant.ts";

export type ActiveStep = Exclude<Step, { kind: "nothing" }>;

const SET_STATE = `update tenant_deployments set state = $2, updated_at = now() where id = $1`;

/** Before anything is done, so that a crash leaves a trace: the state, and an operation that is running. */
export async function recordAttempt(
  db: Database,
  lease: Lease,
  step: ActiveStep,
  worker: string,
): Promise<StartedOperation> {
  return db.transaction(async (tx) => {
    await checkLease(tx, lease);
    const { tenant, token } = lease;
    await abandonOperations(tx, tenant.id, token, "the worker was lost; another has taken over");
    await tx.query(SET_STATE, [tenant.id, step.during]);
    const waiting =
      (await waitingOperation(tx, tenant.id)) ??
      (await insertOperation(tx, {
        tenantId: tenant.id,
        kind: step.kind,
        generation: tenant.generation,
        requestedBy: `worker:${worker}`,
        requestId: null,
      }));
    return startOperation(tx, {
      id: waiting.id,
      worker,
      leaseToken: token,
      generation: tenant.generation,
      kind: step.kind,
    });
  });
}

const SET_CLAIMED = `update tenant_deployments set claimed = true where id = $1`;

export async function recordClaim(db: Database, lease: Lease): Promise<void> {
  await db.transaction(async (tx) => {
    await checkLease(tx, lease);
    await tx.query(SET_CLAIMED, [lease.tenantId]);
  });
}

const SET_CREDENTIALS = `
  update tenant_deployments set applied_secrets = applied_secrets || jsonb_build_object('credentials', $2::text)
  where id = $1`;

/** The state holds these credentials of the platform's, as `credentialsId` names them. */
export async function recordCredentials(db: Database, lease: Lease, credentials: string): Promise<void> {
  await db.transaction(async (tx) => {
    await checkLease(tx, lease);
    await tx.query(SET_CREDENTIALS, [lease.tenantId, credentials]);
  });
}

/** What a repair did to the state, told before it takes effect. */
export async function recordRepair(
  db: Database,
  lease: Lease,
  worker: string,
  action: string,
  after: unknown,
): Promise<void> {
  await db.transaction(async (tx) => {
    await checkLease(tx, lease);
    await audit(tx, lease.tenant, worker, { action, after });
  });
}

export interface Outcome {
  result: EngineResult;
  /** Of the platform, as `credentialsId` names them. */
  credentials: string;
  timings: Readonly<Record<string, number>>;
}

const SET_CONVERGED = `
  update tenant_deployments set
    state = $2, state_reason = null, state_detail = null, observed_generation = $3, attempts = 0, retry_at = null,
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
    const { rows } = await tx.query<{ generation: number }>(SET_CONVERGED, [
      lease.tenantId,
      step.after,
      operation.generation,
      tunnelId ?? null,
      url ?? null,
      directUrl ?? null,
      step.after === "active",
      JSON.stringify({ ...wantedSecrets(lease.tenant), credentials: outcome.credentials }),
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
    await audit(tx, lease.tenant, worker, {
      action: `tenant.${step.after}`,
      after: { state: step.after, operation: operation.id },
    });
    return (rows[0]?.generation ?? 0) > operation.generation;
  });
}

const SET_FAILED = `
  update tenant_deployments set
    state = $2, state_reason = $3, state_detail = $4, attempts = attempts + 1,
    retry_at = now() + make_interval(secs => $5::double precision / 1000),
    lease_owner = null, lease_until = null, updated_at = now()
  where id = $1`;

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
  const { state, retryInMs } = afterFailure(failure.reason, lease.tenant.attempts + 1);
  const result = failure.error instanceof EngineFailure ? failure.error.result : undefined;
  await db.transaction(async (tx) => {
    await checkLease(tx, lease);
    await tx.query(SET_FAILED, [lease.tenantId, state, failure.reason, failure.detail.slice(0, 2_000), retryInMs]);
    await finishOperation(tx, {
      id: operation.id,
      status: state,
      changes: result?.changes,
      resources: result?.resources,
      diagnostics: result?.diagnostics,
      timings: failure.timings,
      error: `${failure.reason}: ${failure.detail}`,
    });
    await audit(tx, lease.tenant, worker, {
      action: `tenant.${state}`,
      after: { state, reason: failure.reason, operation: operation.id },
    });
  });
  return retryInMs;
}

async function audit(
  tx: Transaction,
  tenant: Tenant,
  worker: string,
  line: Pick<AuditLine, "action" | "after">,
): Promise<void> {
  const before = { state: tenant.state };
  await recordAudit(tx, {
    actor: `worker:${worker}`,
    subjectType: "tenant",
    subjectId: String(tenant.id),
    before,
    ...line,
  });
}

const ENDED_RUNS = `
  select worker, started_at as "startedAt", finished_at as "finishedAt"
  from operations
  where tenant_id = $1 and worker is not null and status <> 'running' and started_at is not null
    and finished_at >= $2::timestamptz - interval '2 seconds'
  order by id limit 20`;

/**
 * Runs of this tenant that have ended, whichever way, at that time or later: whose lock of then may have been left
 * behind. The oldest first, so that no number of failures since then hides the one that left it.
 */
export async function endedRuns(
  db: Queryable,
  tenantId: number,
  since: Date,
): Promise<readonly { worker: string; startedAt: Date; finishedAt: Date }[]> {
  return (await db.query<{ worker: string; startedAt: Date; finishedAt: Date }>(ENDED_RUNS, [tenantId, since])).rows;
}
