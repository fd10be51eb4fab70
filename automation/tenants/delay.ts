import type { CloudflareBudget } from "../cloudflare/budget.ts";
import { UNTOLD_PAUSE_MS } from "../cloudflare/metered-fetch.ts";
import type { Database } from "../db/database.ts";
import { storedText } from "../db/stored-text.ts";
import { EngineFailure } from "../engine/engine.ts";
import { checkLease, type Lease } from "./lease.ts";
import { finishOperation, insertOperation, waitingOperation } from "./operation-rows.ts";
import type { Operation } from "./operation.ts";
import type { ReasonKey } from "./reasons.ts";
import type { ActiveStep, Failure } from "./run-records.ts";
import type { StackTable } from "./stack-row.ts";

// updated_at stays: who waits longest is queued first.
const SET_DELAYED = ({ name }: StackTable): string => `
  update ${name} set
    state = coalesce($2, state), state_reason = $3, state_detail = $4,
    retry_at = now() + make_interval(secs => $5::double precision / 1000), lease_owner = null, lease_until = null
  where id = $1`;

const REASON: ReasonKey = "cloudflare-limit";

/** There is no room for the tenant's calls now: it has not failed, and nothing but the time of its next try changes. */
export async function recordDelay(db: Database, lease: Lease, waitMs: number): Promise<number> {
  const retryInMs = spread(waitMs);
  await db.transaction(async (tx) => {
    await checkLease(tx, lease);
    const detail = "waits until there is room for its calls of Cloudflare's API (docs/operations/cloudflare-limit.md)";
    await tx.query(SET_DELAYED(lease.table), [lease.id, null, REASON, detail, retryInMs]);
  });
  return retryInMs;
}

/**
 * A run could not go on for a reason that is nobody's of the tenant: Cloudflare refuses all calls, the worker shuts down.
 * What was done is in the state; the rest follows after the pause, in an operation of its own. Not a failure either: it
 * does not count towards being stalled.
 */
export async function recordInterruption(
  db: Database,
  lease: Lease,
  step: ActiveStep,
  operation: Operation,
  failure: Failure,
  waitMs: number,
): Promise<number> {
  const retryInMs = spread(waitMs);
  const { reason, detail, error, timings } = failure;
  const result = error instanceof EngineFailure ? error.result : undefined;
  await db.transaction(async (tx) => {
    await checkLease(tx, lease);
    await tx.query(SET_DELAYED(lease.table), [
      lease.id,
      step.during,
      reason,
      storedText(detail.slice(0, 2_000)),
      retryInMs,
    ]);
    await finishOperation(tx, {
      id: operation.id,
      status: "superseded",
      changes: result?.changes,
      resources: result?.resources,
      diagnostics: result?.diagnostics,
      timings,
      error: `${reason}: ${detail}`,
    });
    const of = lease.table.owner(lease.id);
    if ((await waitingOperation(tx, of)) !== undefined) return; // a newer wish's
    const { kind, generation, requestedBy, requestId } = operation;
    await insertOperation(tx, { of, kind, generation, requestedBy, requestId });
  });
  return retryInMs;
}

/** How long Cloudflare is to be left alone after a 429: what it asked for itself, where anybody has heard that. */
export async function pauseAfter(budget: CloudflareBudget, account: string, detail: string): Promise<number> {
  const told = await budget.pausedMs(account);
  if (told > 0) return told;
  const seconds = /retry-after:? ?(\d+)/i.exec(detail)?.[1];
  const ms = seconds === undefined ? UNTOLD_PAUSE_MS : Number(seconds) * 1_000;
  await budget.pause(account, ms);
  return ms;
}

/** A common cause must not bring all tenants back at the same moment. */
function spread(ms: number): number {
  return Math.round(ms * (1 + Math.random() / 4));
}
