import type { Queryable } from "../db/database.ts";
import { hashOf, NOTHING_BEFORE } from "./chain.ts";
import { AUDIT_COLUMNS, type AuditRow, toLine } from "./rows.ts";

export interface AuditVerdict {
  readonly valid: boolean;
  /** Lines that were read and found good. */
  readonly lines: number;
  /**
   * Number and hash of the last good line. Kept elsewhere, it later proves that the end was not cut off, which the
   * chain alone cannot show.
   */
  readonly head: AuditHead | undefined;
  readonly firstBroken: { readonly id: number; readonly problem: string } | undefined;
}

export interface AuditHead {
  readonly id: number;
  /** 64 hex digits. */
  readonly hash: string;
}

const BATCH = `
  select ${AUDIT_COLUMNS}, previous_hash, hash
  from audit_log where id > $1 order by id limit 1000`;

/** Reads the whole log in order, a thousand lines at a time, and stops at the first line that does not fit. */
export async function verifyAudit(db: Queryable, known?: AuditHead): Promise<AuditVerdict> {
  let previous: { id: number; hash: Buffer } = { id: 0, hash: NOTHING_BEFORE };
  const verdict = (problem?: string): AuditVerdict => ({
    valid: problem === undefined,
    lines: previous.id,
    head: previous.id === 0 ? undefined : { id: previous.id, hash: previous.hash.toString("hex") },
    firstBroken: problem === undefined ? undefined : { id: previous.id + 1, problem },
  });

  for (;;) {
    const { rows } = await db.query<AuditRow & { previous_hash: Buffer; hash: Buffer }>(BATCH, [previous.id]);
    for (const row of rows) {
      if (row.id !== previous.id + 1) return verdict("is missing");
      if (!row.previous_hash.equals(previous.hash)) return verdict("does not follow the line before it");
      if (!row.hash.equals(hashOf(toLine(row), previous.hash))) return verdict("was changed");
      if (known?.id === row.id && known.hash !== row.hash.toString("hex")) {
        return verdict("is not the line that was noted as the log's end");
      }
      previous = { id: row.id, hash: row.hash };
    }
    if (rows.length === 0) break;
  }
  return known !== undefined && known.id > previous.id ? verdict("is missing from the end") : verdict();
}
