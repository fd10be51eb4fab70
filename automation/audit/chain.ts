import { createHash } from "node:crypto";
import { canonicalJson } from "./canonical-json.ts";

/** A line of the audit log as it is kept. */
export interface AuditRecord {
  /** 1, 2, 3, ... without a gap. */
  readonly id: number;
  readonly at: Date;
  /** `user:<subject of the token>`, `stripe`, `schedule`, `operator`. */
  readonly actor: string;
  /** Address the request came from; null for schedules and workers. */
  readonly source: string | null;
  readonly requestId: string | null;
  /** `tenant.suspend`, `tunnel.restart`, ... */
  readonly action: string;
  /** `tenant`, `tunnel`, `task`, `queue`, ... */
  readonly subjectType: string;
  readonly subjectId: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** What the first line follows. */
export const NOTHING_BEFORE: Buffer = Buffer.alloc(32);

/** sha256 over the hash of the line before and this line's canonical JSON. */
export function hashOf(line: AuditRecord, previousHash: Buffer): Buffer {
  const { id, at, actor, source, requestId, action, subjectType, subjectId, before, after } = line;
  const text = canonicalJson({
    id,
    at: at.toISOString(),
    actor,
    source,
    requestId,
    action,
    subjectType,
    subjectId,
    before: before ?? null,
    after: after ?? null,
  });
  return createHash("sha256").update(previousHash).update(text).digest();
}
