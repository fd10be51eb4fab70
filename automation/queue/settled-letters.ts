import type { Queryable } from "../db/database.ts";

// Of an event that is still to be handled the newest stays, for whoever looks after dead letters.
const DROP = `
  delete from pgboss.job letter where name = 'dead-letter' and state < 'active' and data ? 'eventId' and (
    exists (select from stripe_events where id = letter.data->>'eventId' and handled_at is not null)
    or exists (
      select from pgboss.job newer
      where newer.name = 'dead-letter' and newer.state < 'active' and newer.data->>'eventId' = letter.data->>'eventId'
        and (newer.created_on, newer.id) > (letter.created_on, letter.id)))`;

/**
 * Removes dead letters of events that were handled all the same: a catch-up queues an event again whose job has used up
 * its tries, so that after a long outage of Stripe nothing is left to be done but to read what is out of date. Returns
 * how many there were.
 */
export async function dropSettledLetters(db: Queryable): Promise<number> {
  return (await db.query(DROP)).rowCount;
}
