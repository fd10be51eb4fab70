import type { AuditRecord } from "./chain.ts";

/** Columns of audit_log as the driver gives them. */
export interface AuditRow {
  id: number;
  at: Date;
  actor: string;
  source: string | null;
  request_id: string | null;
  action: string;
  subject_type: string;
  subject_id: string;
  before: unknown;
  after: unknown;
}

export const AUDIT_COLUMNS = "id, at, actor, source, request_id, action, subject_type, subject_id, before, after";

export function toLine(row: AuditRow): AuditRecord {
  return {
    id: row.id,
    at: row.at,
    actor: row.actor,
    source: row.source,
    requestId: row.request_id,
    action: row.action,
    subjectType: row.subject_type,
    subjectId: row.subject_id,
    before: row.before,
    after: row.after,
  };
}
