import { recordAudit } from "../audit/record.ts";
import type { Queryable, Transaction } from "../db/database.ts";
import type { Actor } from "../tenants/tenants.ts";

/** What only a human can decide about a subscription. Shown to operators until it is resolved. */
export interface OperatorTask {
  readonly kind: TaskKind;
  readonly detail: string;
  readonly remedy: string;
}

/** docs/lifecycle.md has a paragraph for each. */
export type TaskKind =
  | "subdomain-taken"
  | "subdomain-invalid"
  | "plan-unknown"
  | "price-unknown"
  | "email-missing"
  | "no-room"
  | "request-refused"
  | "subscription-missing"
  | "subscription-unreadable"
  | "tenant-deleted"
  | "tenant-moved";

const OPEN = `
  insert into operator_tasks (kind, subscription_id, tenant_id, detail, remedy) values ($1, $2, $3, $4, $5)
  on conflict (kind, subscription_id) where resolved_at is null
  do update set detail = excluded.detail, remedy = excluded.remedy, tenant_id = excluded.tenant_id
  returning id, xmax = 0 as fresh`;

/** One open task of each kind for a subscription: a repeat only brings its text up to date. */
export async function openTask(
  tx: Transaction,
  subscriptionId: string,
  tenantId: number | null,
  task: OperatorTask,
  by: Actor,
): Promise<void> {
  const { rows } = await tx.query<{ id: number; fresh: boolean }>(OPEN, [
    task.kind,
    subscriptionId,
    tenantId,
    task.detail,
    task.remedy,
  ]);
  const [row] = rows;
  if (row?.fresh !== true) return;
  await recordAudit(tx, {
    actor: by.name,
    source: by.source,
    requestId: by.requestId,
    action: "task.open",
    subjectType: "task",
    subjectId: String(row.id),
    after: { ...task, subscription_id: subscriptionId, tenant_id: tenantId },
  });
}

const RESOLVE = `
  update operator_tasks set resolved_at = now(), resolved_by = $3
  where subscription_id = $1 and resolved_at is null and not (kind = any($2))`;

/** What has come right by itself: all open tasks of a subscription but these kinds. */
export async function resolveTasks(
  tx: Transaction,
  subscriptionId: string,
  stillOpen: readonly TaskKind[],
  by: Actor,
): Promise<void> {
  await tx.query(RESOLVE, [subscriptionId, stillOpen, by.name]);
}

const OPEN_SUBSCRIPTIONS = `
  select t.id from (
    select distinct subscription_id as id from operator_tasks where resolved_at is null and subscription_id is not null
  ) t left join stripe_subscriptions s on s.id = t.id
  order by s.read_at nulls first, t.id limit $1`;

/** Subscriptions that wait for an operator. Those not read for the longest first: with many, all get their turn. */
export async function subscriptionsWithTasks(db: Queryable, limit: number): Promise<readonly string[]> {
  return (await db.query<{ id: string }>(OPEN_SUBSCRIPTIONS, [limit])).rows.map(({ id }) => id);
}
