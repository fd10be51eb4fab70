import type { Queryable } from "../db/database.ts";

// One that stays is not shortened.
const SET_FLAG = `
  insert into server_flags (name, ends_at) values ($1, now() + make_interval(secs => $2))
  on conflict (name) do update set ends_at = case when server_flags.ends_at is not null then excluded.ends_at end`;
const CLEAR_FLAG = `delete from server_flags where name = $1`;
const FIND_FLAG = `select ends_at as "endsAt" from server_flags where name = $1 and (ends_at is null or ends_at > now())`;

/** A switch of the whole platform, seen by all its processes at once. */
export type Flag = "reconciles.paused";

/** `seconds`: after which it goes off by itself. Default never. */
export async function setFlag(db: Queryable, flag: Flag, on: boolean, seconds?: number): Promise<void> {
  await (on ? db.query(SET_FLAG, [flag, seconds ?? null]) : db.query(CLEAR_FLAG, [flag]));
}

/** Undefined when it is off. */
export async function findFlag(db: Queryable, flag: Flag): Promise<{ endsAt: Date | null } | undefined> {
  return (await db.query<{ endsAt: Date | null }>(FIND_FLAG, [flag])).rows[0];
}
