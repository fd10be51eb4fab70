import type { Queryable } from "../db/database.ts";
import type { StackTable } from "./stack-row.ts";

const DUE = ({ name }: StackTable): string => `
  select id, container_id as "containerId" from ${name}
  where observed_generation < generation and state <> 'deleted' and (state <> 'stalled' or attempts = 0) and not paused
    and (retry_at is null or retry_at <= now()) and (lease_until is null or lease_until < now())
  order by updated_at limit $1`;

/** Rows whose wish is not fulfilled and which nobody works on: what the sweep queues again. */
export async function dueRows(
  db: Queryable,
  table: StackTable,
  limit: number,
): Promise<readonly { id: number; containerId: number }[]> {
  return (await db.query<{ id: number; containerId: number }>(DUE(table), [limit])).rows;
}
