import type { Queryable } from "../../db/database.ts";

export interface StripeEventRow {
  id: string;
  type: string;
  api_version: string | null;
  livemode: boolean;
  created_at: Date;
  received_at: Date;
  subscription_id: string | null;
  outcome: "applied" | "ignored" | "task" | null;
  detail: string | null;
  tenant_id: number | null;
  handled_at: Date | null;
}

export interface StripeEventQuery {
  type?: string | undefined;
  subscriptionId?: string | undefined;
  tenantId?: number | undefined;
  outcome?: "applied" | "ignored" | "task" | "unhandled" | undefined;
  /** Place of the last event of the page before. */
  before?: { receivedAt: string; id: string } | undefined;
  limit: number;
}

const COLUMNS =
  "id, type, api_version, livemode, created_at, received_at, subscription_id, outcome, detail, tenant_id, handled_at";

const LIST = `
  select ${COLUMNS}, received_at::text as place
  from stripe_events
  where ($1::text is null or type = $1)
    and ($2::text is null or subscription_id = $2)
    and ($3::bigint is null or tenant_id = $3)
    and ($4::text is null or case when $4 = 'unhandled' then handled_at is null else outcome = $4 end)
    and ($5::timestamptz is null or (received_at, id) < ($5, $6))
  order by received_at desc, id desc limit $7`;

/** Newest first. `place` is the received time in full precision, for the next page. */
export async function listStripeEvents(
  db: Queryable,
  query: StripeEventQuery,
): Promise<(StripeEventRow & { place: string })[]> {
  const { type, subscriptionId, tenantId, outcome, before, limit } = query;
  const values = [type, subscriptionId, tenantId, outcome, before?.receivedAt, before?.id].map(
    (value) => value ?? null,
  );
  return (await db.query<StripeEventRow & { place: string }>(LIST, [...values, limit])).rows;
}

/** With the event as Stripe sent it. */
export async function readStripeEvent(
  db: Queryable,
  id: string,
): Promise<(StripeEventRow & { body: Record<string, unknown> }) | undefined> {
  const { rows } = await db.query<StripeEventRow & { body: Record<string, unknown> }>(
    `select ${COLUMNS}, body from stripe_events where id = $1`,
    [id],
  );
  return rows[0];
}
