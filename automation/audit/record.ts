import type { Transaction } from "../db/database.ts";
import { type AuditRecord, hashOf, NOTHING_BEFORE } from "./chain.ts";

/** Who did what to whom. Never holds a secret: `before` and `after` are shown to operators. */
export interface AuditLine {
  /** `user:<subject>`, `stripe`, `schedule`, `worker:<name>`. */
  readonly actor: string;
  /** Address the request came from; absent for schedules and workers. */
  readonly source?: string | undefined;
  readonly requestId?: string | undefined;
  /** `tenant.request`, `tenant.change`, `tenant.retry`, `tunnel.restart`, ... */
  readonly action: string;
  readonly subjectType: "tenant" | "tunnel" | "platform" | (string & {});
  readonly subjectId: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

// Any number that no other advisory lock here uses; held until the transaction ends, so lines are written one by one.
const LOCK = "select pg_advisory_xact_lock(6013, 1)";
const LAST = "select id, hash from audit_log order by id desc limit 1";
const APPEND = `
  insert into audit_log (id, at, actor, source, request_id, action, subject_type, subject_id, before, after, previous_hash, hash)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`;

/**
 * Appends a line in the caller's transaction, so that there is no change without its line and no line without its
 * change. It is written right before the commit: lines are written one by one, and whoever writes one must not wait for
 * a row that the next in line holds.
 */
export async function recordAudit(tx: Transaction, entry: AuditLine, at = new Date()): Promise<void> {
  tx.beforeCommit.push(() => append(tx, entry, at));
}

async function append(tx: Transaction, entry: AuditLine, at: Date): Promise<void> {
  await tx.query(LOCK);
  const last = (await tx.query<{ id: number; hash: Buffer }>(LAST)).rows[0];
  const previousHash = last?.hash ?? NOTHING_BEFORE;
  const line: AuditRecord = {
    id: (last?.id ?? 0) + 1,
    at,
    actor: entry.actor,
    source: entry.source ?? null,
    requestId: entry.requestId ?? null,
    action: entry.action,
    subjectType: entry.subjectType,
    subjectId: entry.subjectId,
    before: entry.before,
    after: entry.after,
  };
  await tx.query(APPEND, [
    line.id,
    line.at,
    line.actor,
    line.source,
    line.requestId,
    line.action,
    line.subjectType,
    line.subjectId,
    asJson(line.before),
    asJson(line.after),
    previousHash,
    hashOf(line, previousHash),
  ]);
}

/** As text: the driver would turn a top-level array into a PostgreSQL array. */
function asJson(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}
