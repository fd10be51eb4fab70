import type { Queryable } from "../db/database.ts";
import { storedJson, storedText } from "../db/stored-text.ts";
import { currentTraceparent } from "../telemetry/spans.ts";
import type { Operation, OperationEvent, OperationKind, OperationStatus } from "./operation.ts";
import type { OperationOwner } from "./stack-row.ts";

export const OPERATION_COLUMNS = `
  id, tenant_id as "tenantId", standalone_tunnel_id as "standaloneTunnelId",
  (select label from standalone_tunnels where id = standalone_tunnel_id) as "tunnelLabel", kind, generation, status,
  requested_by as "requestedBy", request_id as "requestId", worker, queued_at as "queuedAt", started_at as "startedAt",
  finished_at as "finishedAt", changes, resources, diagnostics, timings, error`;

/** Every change of an operation's status and every event is announced here by a trigger; the payload is its id. */
export const OPERATIONS_CHANNEL = "odoosaas_operations";

export interface OperationInsert {
  of: OperationOwner;
  kind: OperationKind;
  generation: number;
  requestedBy: string;
  requestId: string | null;
}

/** The column by which operations belong to it, and its value. */
export function owned(by: OperationOwner): [column: "tenant_id" | "standalone_tunnel_id", id: number] {
  return "tenantId" in by ? ["tenant_id", by.tenantId] : ["standalone_tunnel_id", by.standaloneTunnelId];
}

const SUPERSEDE = (column: string): string => `
  update operations set status = 'superseded', finished_at = now()
  where ${column} = $1 and status = 'queued' and kind <> 'preview'`;

const INSERT_OPERATION = (column: string): string => `
  insert into operations (${column}, kind, generation, requested_by, request_id, traceparent)
  values ($1, $2, $3, $4, $5, coalesce($6, (
    select traceparent from operations where ${column} = $1 and generation = $3 order by id desc limit 1)))
  returning ${OPERATION_COLUMNS}`;

/**
 * Queues an operation in the place of its owner's waiting ones: a newer wish replaces older. It belongs
 * to the active trace, or to that of the try before it.
 */
export async function insertOperation(db: Queryable, operation: OperationInsert): Promise<Operation> {
  const { of, kind, generation, requestedBy, requestId } = operation;
  const [column, id] = owned(of);
  if (kind !== "preview") await db.query(SUPERSEDE(column), [id]);
  const { rows } = await db.query<Operation>(INSERT_OPERATION(column), [
    id,
    kind,
    generation,
    requestedBy,
    requestId,
    currentTraceparent(),
  ]);
  return rows[0] as Operation;
}

const WAITING_OPERATION = (column: string): string => `
  select ${OPERATION_COLUMNS} from operations
  where ${column} = $1 and status = 'queued' and kind <> 'preview' order by id desc limit 1`;

export async function waitingOperation(db: Queryable, of: OperationOwner): Promise<Operation | undefined> {
  const [column, id] = owned(of);
  return (await db.query<Operation>(WAITING_OPERATION(column), [id])).rows[0];
}

const OPERATION_BY_ID = `select ${OPERATION_COLUMNS} from operations where id = $1`;

export async function operationById(db: Queryable, id: number): Promise<Operation | undefined> {
  return (await db.query<Operation>(OPERATION_BY_ID, [id])).rows[0];
}

const OPERATIONS_OF = (column: string): string => `
  select ${OPERATION_COLUMNS} from operations
  where ${column} = $1 and ($2::bigint is null or id < $2) order by id desc limit $3`;

/** Newest first; those before the one of that id. */
export async function operationsOf(
  db: Queryable,
  of: OperationOwner,
  before: number | undefined,
  limit: number,
): Promise<Operation[]> {
  const [column, id] = owned(of);
  return (await db.query<Operation>(OPERATIONS_OF(column), [id, before ?? null, limit])).rows;
}

const COUNT_OPERATIONS = `select count(*)::int as total from operations where tenant_id = $1`;

export async function countOperations(db: Queryable, tenantId: number): Promise<number> {
  return (await db.query<{ total: number }>(COUNT_OPERATIONS, [tenantId])).rows[0]?.total ?? 0;
}

const START_OPERATION = `
  update operations set status = 'running', started_at = now(), worker = $2, lease_token = $3, generation = $4, kind = $5
  where id = $1
  returning ${OPERATION_COLUMNS}, traceparent`;

export interface StartedOperation extends Operation {
  /** Of what asked for it. */
  readonly traceparent: string | null;
}

export interface OperationStart {
  id: number;
  worker: string;
  leaseToken: number | null;
  /** What it turns out to work for: the wish may have changed since it was queued. */
  generation: number;
  kind: OperationKind;
}

export async function startOperation(db: Queryable, start: OperationStart): Promise<StartedOperation> {
  const { rows } = await db.query<StartedOperation>(START_OPERATION, [
    start.id,
    start.worker,
    start.leaseToken,
    start.generation,
    start.kind,
  ]);
  return rows[0] as StartedOperation;
}

export interface OperationEnd {
  id: number;
  status: Extract<OperationStatus, "succeeded" | "failed" | "stalled" | "superseded">;
  changes?: unknown;
  resources?: unknown;
  diagnostics?: unknown;
  timings?: unknown;
  error?: string | null;
}

const FINISH_OPERATION = `
  update operations set status = $2, finished_at = now(), changes = $3, resources = $4, diagnostics = $5,
    timings = $6::jsonb || jsonb_build_object(
      'queueMs', round(extract(epoch from coalesce(started_at, now()) - queued_at) * 1000),
      'totalMs', round(extract(epoch from now() - queued_at) * 1000)),
    error = $7
  where id = $1`;

export async function finishOperation(db: Queryable, end: OperationEnd): Promise<void> {
  const json = (value: unknown): string | null => (value === undefined ? null : storedJson(value));
  await db.query(FINISH_OPERATION, [
    end.id,
    end.status,
    json(end.changes),
    json(end.resources),
    json(end.diagnostics),
    json(end.timings ?? {}),
    end.error == null ? null : storedText(end.error),
  ]);
}

const FINISH_WAITING = (column: string): string => `
  update operations set status = 'succeeded', finished_at = now()
  where ${column} = $1 and status = 'queued' and kind = 'delete'`;

/** Of what is gone now: whoever asked for its deletion once more, while it was under way, has it too. */
export async function finishWaitingDeletions(db: Queryable, of: OperationOwner): Promise<void> {
  const [column, id] = owned(of);
  await db.query(FINISH_WAITING(column), [id]);
}

const ABANDON_OPERATIONS = (column: string): string => `
  update operations set status = 'failed', finished_at = now(), error = $3
  where ${column} = $1 and status = 'running' and lease_token < $2
  returning id`;

/** Ends what a lost worker left running; called by whoever holds the newer lease. Returns how many there were. */
export async function abandonOperations(
  db: Queryable,
  of: OperationOwner,
  leaseToken: number,
  error: string,
): Promise<number> {
  const [column, id] = owned(of);
  return (await db.query(ABANDON_OPERATIONS(column), [id, leaseToken, error])).rowCount;
}

const INSERT_EVENTS = `
  insert into operation_events (operation_id, sequence, at, kind, body)
  select $1, sequence, at, kind, body
  from jsonb_to_recordset($2::jsonb) as e (sequence integer, at timestamptz, kind text, body jsonb)
  on conflict do nothing`;

export async function insertEvents(
  db: Queryable,
  operationId: number,
  events: readonly Omit<OperationEvent, "operationId">[],
): Promise<void> {
  await db.query(INSERT_EVENTS, [operationId, storedJson(events)]);
}

const EVENTS_AFTER = `
  select operation_id as "operationId", sequence, at, kind, body from operation_events
  where operation_id = $1 and sequence > $2 order by sequence limit $3`;

export const EVENTS_AT_ONCE = 1_000;

/** The next ones, EVENTS_AT_ONCE at most. */
export async function eventsAfter(db: Queryable, operationId: number, after: number): Promise<OperationEvent[]> {
  return (await db.query<OperationEvent>(EVENTS_AFTER, [operationId, after, EVENTS_AT_ONCE])).rows;
}

const ENDED_RUNS = (column: string): string => `
  select worker, started_at as "startedAt", finished_at as "finishedAt"
  from operations
  where ${column} = $1 and worker is not null and status <> 'running' and started_at is not null
    and finished_at >= $2::timestamptz - interval '2 seconds' and coalesce(error, '') not like 'lock-held: %'
  order by id limit 20`;

/**
 * Its owner's runs that have ended, whichever way, at that time or later: whose lock of then may have been left behind.
 * Not those that found it: the lock was another's. The oldest first, so that no number of failures since then hides the one that left it.
 */
export async function endedRuns(
  db: Queryable,
  of: OperationOwner,
  since: Date,
): Promise<readonly { worker: string; startedAt: Date; finishedAt: Date }[]> {
  const [column, id] = owned(of);
  return (await db.query<{ worker: string; startedAt: Date; finishedAt: Date }>(ENDED_RUNS(column), [id, since])).rows;
}
