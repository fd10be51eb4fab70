import { FieldError } from "../../components/field-error.ts";
import type { Queryable } from "../db/database.ts";
import { TENANT_COLUMNS } from "./tenant-rows.ts";
import type { Tenant } from "./tenant.ts";
import type { Page, TenantQuery } from "./tenants.ts";

const NUMBER = /^\d{1,15}$/;
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d)?$/;

/** Columns to sort by, each with its type for the comparison with a cursor, and what its values look like in one. */
const SORTS = {
  id: { column: "id", type: "bigint", looks: NUMBER },
  subdomain: { column: "subdomain", type: "text", looks: /^[a-z0-9-]*$/ },
  createdAt: { column: "created_at", type: "timestamptz", looks: TIME },
  updatedAt: { column: "updated_at", type: "timestamptz", looks: TIME },
} as const;

const FILTER = `
  ($1::text is null or subdomain ilike $1 or customer_email ilike $1 or subscription_id ilike $1)
  and ($2::text[] is null or state = any($2))
  and ($3::text[] is null or plan_type = any($3))
  and ($4::integer is null or container_id = $4)
  and ($5 or state <> 'deleted')`;

/**
 * One page by key, not by offset: pages neither repeat nor miss a tenant that stays, whatever is added meanwhile.
 * Sort columns are a fixed list, so they are part of the text; all else is a parameter.
 */
export async function listTenants(db: Queryable, query: TenantQuery = {}): Promise<Page<Tenant>> {
  const sort = query.sort ?? "id";
  const { column, type, looks } = SORTS[sort];
  const [order, beyond] = query.descending === true ? ["desc", "<"] : ["asc", ">"];
  const sorted = `${sort} ${order}`;
  const limit = Math.min(Math.max(query.limit ?? 50, 1), 1_000);
  const after = query.cursor === undefined ? undefined : readCursor(query.cursor, sorted, looks);
  const filter = [
    query.search === undefined || query.search === "" ? null : `%${query.search.replace(/[\\%_]/g, "\\$&")}%`,
    query.states ?? null,
    query.plans ?? null,
    query.containerId ?? null,
    query.includeDeleted === true || query.states?.includes("deleted") === true,
  ];
  const asked = db.query<Tenant & { sortKey: string }>(
    `select ${TENANT_COLUMNS}, ${column}::text as "sortKey" from tenant_deployments
     where ${FILTER} and ($6::text is null or (${column}, id) ${beyond} ($6::text::${type}, $7::bigint))
     order by ${column} ${order}, id ${order} limit $8`,
    [...filter, after?.key ?? null, after?.id ?? null, limit + 1],
  );
  const page = await asked.catch((error: unknown) => {
    // 22 (data exception): it looks right, but is no such value, say the 31st of February.
    if (after !== undefined && (error as { code?: string }).code?.startsWith("22") === true)
      throw noCursor(query.cursor ?? "");
    throw error;
  });
  const count = await db.query<{ total: number }>(
    `select count(*)::int as total from tenant_deployments where ${FILTER}`,
    filter,
  );
  const shown = page.rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(({ sortKey: _sortKey, ...tenant }) => tenant),
    total: count.rows[0]?.total ?? 0,
    nextCursor: page.rows.length > limit && last !== undefined ? writeCursor(sorted, last.sortKey, last.id) : undefined,
  };
}

/** `sorted`: what the page is sorted by. It is part of the cursor, since the place is none in another order. */
export function writeCursor(sorted: string, key: string, id: number): string {
  return Buffer.from(JSON.stringify([sorted, key, id])).toString("base64url");
}

/** Throws FieldError unless it was written for this order, with a key that looks as it should. */
export function readCursor(cursor: string, sorted: string, looks: RegExp): { key: string; id: number } {
  try {
    const [order, key, id] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    if (
      order === sorted &&
      typeof key === "string" &&
      looks.test(key) &&
      typeof id === "number" &&
      Number.isSafeInteger(id)
    )
      return { key, id };
  } catch {
    // refused below
  }
  throw noCursor(cursor);
}

function noCursor(cursor: string): FieldError {
  return new FieldError("this is not a cursor of a page in this order", {
    field: "cursor",
    value: cursor,
    remedy: "Use next_cursor of the page before, with the same sort order.",
  });
}
