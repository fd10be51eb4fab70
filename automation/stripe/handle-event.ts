import type { StripeDeps } from "./deps.ts";
import { findEvent } from "./inbox.ts";
import { synchronise } from "./synchronise.ts";

/**
 * The job of one stored event: reads its subscription from Stripe and brings the tenant to it. The event's own content
 * does not matter, so its repeats, order and losses do not either. Safe twice and at once on several workers. Throws
 * when Stripe or the database cannot be reached, for the queue to try again.
 */
export async function handleStripeEvent(eventId: string, deps: StripeDeps): Promise<void> {
  const event = await findEvent(deps.database, eventId);
  if (event === undefined || event.handled || event.subscriptionId === null) return; // settled with another of the same subscription
  await synchronise(event.subscriptionId, { name: "stripe", requestId: event.id }, deps);
}
