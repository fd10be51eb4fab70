import type { Queryable } from "../db/database.ts";
import type { AuditRecord } from "./chain.ts";
import { AUDIT_COLUMNS, type AuditRow, toLine } from "./rows.ts";

export interface AuditQuery {
  subjectType?: string | undefined;
  subjectId?: string | undefined;
  actor?: string | undefined;
  action?: string | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
  /** Lines older than this number. */
  before?: number | undefined;
  /** Default 50. */
  limit?: number | undefined;
}

const LIST = `
  select ${AUDIT_COLUMNS} from audit_log
  where ($1::text is null or subject_type = $1)
    and ($2::text is null or subject_id = $2)
    and ($3::text is null or actor = $3)
    and ($4::text is null or action = $4)
    and ($5::timestamptz is null or at >= $5)
    and ($6::timestamptz is null or at < $6)
    and ($7::bigint is null or id < $7)
  order by id desc limit $8`;

/** Newest first. */
export async function listAudit(db: Queryable, query: AuditQuery = {}): Promise<AuditRecord[]> {
  const { subjectType, subjectId, actor, action, since, until, before, limit } = query;
  const values = [subjectType, subjectId, actor, action, since, until, before].map((value) => value ?? null);
  const { rows } = await db.query<AuditRow>(LIST, [...values, limit ?? 50]);
  return rows.map(toLine);
}
