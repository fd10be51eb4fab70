import type { Transaction } from "../db/database.ts";

/** Who did what to whom. */
export interface AuditLine {
  /** `user:<subject>`, `stripe`, `schedule`, `worker:<name>`. */
  readonly actor: string;
  /** Address the request came from; absent for schedules and workers. */
  readonly source?: string | undefined;
  readonly requestId?: string | undefined;
  /** `tenant.request`, `tenant.change`, `tenant.retry`, `tenant.repair`, ... */
  readonly action: string;
  readonly subjectType: "tenant" | "tunnel" | "platform" | (string & {});
  readonly subjectId: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Appends a line to the audit log within the transaction of the change it tells of. */
export async function recordAudit(_tx: Transaction, _line: AuditLine): Promise<void> {
  // The chained log takes this place (automation/audit).
}
