import type { Queryable, Transaction } from "../../db/database.ts";

export interface OperatorTaskRow {
  id: number;
  kind: string;
  subscription_id: string | null;
  tenant_id: number | null;
  detail: string;
  remedy: string;
  created_at: Date;
  resolved_at: Date | null;
  resolved_by: string | null;
}

const COLUMNS = "id, kind, subscription_id, tenant_id, detail, remedy, created_at, resolved_at, resolved_by";

const LIST = `
  select ${COLUMNS} from operator_tasks
  where ($1::boolean is null or (resolved_at is not null) = $1)
    and ($2::text is null or kind = $2)
    and ($3::bigint is null or tenant_id = $3)
    and ($4::bigint is null or id < $4)
  order by id desc limit $5`;

export interface TaskQuery {
  resolved?: boolean | undefined;
  kind?: string | undefined;
  tenantId?: number | undefined;
  before?: number | undefined;
  limit: number;
}

/** Newest first. */
export async function listTasks(
  db: Queryable,
  { resolved, kind, tenantId, before, limit }: TaskQuery,
): Promise<OperatorTaskRow[]> {
  return (
    await db.query<OperatorTaskRow>(LIST, [resolved ?? null, kind ?? null, tenantId ?? null, before ?? null, limit])
  ).rows;
}

/** Resolved by whoever was first; undefined when there is no such task. */
export async function resolveTask(
  tx: Transaction,
  id: number,
  by: string,
): Promise<{ task: OperatorTaskRow; changed: boolean } | undefined> {
  const update = `update operator_tasks set resolved_at = now(), resolved_by = $2 where id = $1 and resolved_at is null returning ${COLUMNS}`;
  const changed = (await tx.query<OperatorTaskRow>(update, [id, by])).rows[0];
  if (changed !== undefined) return { task: changed, changed: true };
  const task = (await tx.query<OperatorTaskRow>(`select ${COLUMNS} from operator_tasks where id = $1`, [id])).rows[0];
  return task === undefined ? undefined : { task, changed: false };
}
