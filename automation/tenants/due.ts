import type { Queryable } from "../db/database.ts";
import type { StackTable } from "./stack-row.ts";

/** A row whose wish is not fulfilled. */
export interface DueRow {
  readonly id: number;
  readonly containerId: number;
  /** A customer waits to be let in: for the first time, or again after a suspension. */
  readonly awaited: boolean;
  /** Whoever worked on it is gone, and may have left it half done. */
  readonly interrupted: boolean;
}

// As kindOfRun of wish.ts: a provision, or a resume.
const DUE = ({ name }: StackTable): string => `
  select id, container_id as "containerId",
    wanted = 'active' and (ready_at is null or converged_state is not distinct from 'suspended') as awaited,
    lease_until is not null as interrupted
  from ${name}
  where observed_generation < generation and state <> 'deleted' and (state <> 'stalled' or attempts = 0) and not paused
    and (retry_at is null or retry_at <= now()) and (lease_until is null or lease_until < now())
  order by interrupted desc, awaited desc, updated_at limit $1`;

/** Rows whose wish is not fulfilled and which nobody works on: what the sweep queues again. The interrupted and awaited first. */
export async function dueRows(db: Queryable, table: StackTable, limit: number): Promise<readonly DueRow[]> {
  return (await db.query<DueRow & { [column: string]: unknown }>(DUE(table), [limit])).rows;
}
