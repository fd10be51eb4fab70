import type { Queryable } from "../db/database.ts";

const SET_FLAG = `insert into server_flags (name) values ($1) on conflict do nothing`;
const CLEAR_FLAG = `delete from server_flags where name = $1`;
const HAS_FLAG = `select 1 from server_flags where name = $1`;

/** A switch of the whole platform, seen by all its processes at once. */
export type Flag = "reconciles.paused";

export async function setFlag(db: Queryable, flag: Flag, on: boolean): Promise<void> {
  await db.query(on ? SET_FLAG : CLEAR_FLAG, [flag]);
}

export async function hasFlag(db: Queryable, flag: Flag): Promise<boolean> {
  return (await db.query(HAS_FLAG, [flag])).rowCount > 0;
}
