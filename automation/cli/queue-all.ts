import type { Session } from "./session.ts";

/** Queues all that a request means, page after page, from the first to where the server says there is no `next`. Returns how many. */
export async function queueAll(
  session: Session,
  path: "/api/retries" | "/api/rotations",
  what: Readonly<Record<string, unknown>>,
): Promise<number> {
  let queued = 0;
  for (let after: number | null = 0; after !== null;) {
    const answer = await session.api().ask("POST", path, { body: { ...what, after } });
    queued += answer["queued"] as number;
    after = answer["next"] as number | null;
  }
  return queued;
}
