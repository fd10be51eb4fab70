import type { Queryable } from "../db/database.ts";

export interface FinishedOperation {
  /** Of a tenant; otherwise of a container's own tunnel. */
  readonly ofTenant: boolean;
  readonly kind: string;
  readonly status: string;
  /** From its tenant's request to its end, with all tries that went before. 0 when it is no tenant's. */
  readonly sinceRequest: number;
}

// A transaction that began earlier may commit later, with an older finished_at: look back a little, count each id once.
const LOOK_BACK_SECONDS = 60;

const NEWS = `
  select o.id, tenant_id is not null as "ofTenant", kind, status, finished_at,
    coalesce(extract(epoch from finished_at - created_at), 0)::float8 as "sinceRequest"
  from operations o left join tenant_deployments t on t.id = tenant_id
  where finished_at > $1 and status in ('succeeded', 'failed', 'stalled', 'superseded')
  order by finished_at limit 10000`;

/** Each call tells `count` of the operations that have finished since the call before; the first, since now. */
export function finishedOperations(
  db: Queryable,
  count: (operation: FinishedOperation) => void,
  since = new Date(),
): () => Promise<void> {
  const counted = new Map<number, number>();
  let newest = since.getTime();
  let turn: Promise<void> = Promise.resolve();

  const catchUp = async (): Promise<void> => {
    const from = Math.max(since.getTime(), newest - LOOK_BACK_SECONDS * 1_000);
    const { rows } = await db.query<FinishedOperation & { id: number; finished_at: Date }>(NEWS, [new Date(from)]);
    for (const { id, finished_at, ...operation } of rows) {
      if (counted.has(id)) continue;
      counted.set(id, finished_at.getTime());
      newest = Math.max(newest, finished_at.getTime());
      count(operation);
    }
    for (const [id, at] of counted) if (at < newest - LOOK_BACK_SECONDS * 1_000) counted.delete(id);
  };
  return () => {
    turn = turn.then(catchUp, catchUp); // two scrapes at once must not count twice
    return turn;
  };
}
