import { Router } from "express";
import { z } from "zod";
import type { Deliveries } from "../deliveries.ts";
import { endpoint } from "../endpoint.ts";
import { missing } from "../errors.ts";
import { Flag, Listing, listOf, Nothing, page } from "../parameters.ts";
import type { Event, World } from "../world.ts";

const KEPT_SECONDS = 30 * 86_400;

const ListQuery = Listing.extend({
  type: z.string().optional(),
  types: listOf(z.string()).optional(),
  delivery_success: Flag.optional(),
});

/** https://docs.stripe.com/api/events: events are kept for 30 days. */
export function eventRoutes(world: World, deliveries: Deliveries): Router {
  const recent = (event: Event): boolean => event.created > world.seconds() - KEPT_SECONDS;
  const shown = (event: Event): Event => ({ ...event, pending_webhooks: deliveries.pendingOf(event.id) });
  return Router()
    .get(
      "/events",
      endpoint(world, ListQuery, (query) => {
        const wanted = (event: Event): boolean =>
          recent(event) &&
          (query.type === undefined || typeMatches(event.type, query.type)) &&
          (query.types === undefined || query.types.some((type) => typeMatches(event.type, type))) &&
          (query.delivery_success === undefined || deliveries.succeeded(event.id) === query.delivery_success);
        return page(world.list("event").filter(wanted).map(shown), query, "/v1/events", "event");
      }),
    )
    .get(
      "/events/:id",
      endpoint(world, Nothing, (_query, { id = "" }) => {
        const event = world.get("event", id);
        if (!recent(event)) throw missing("event", id);
        return shown(event);
      }),
    );
}

/** `customer.subscription.*` names a group. */
function typeMatches(type: string, pattern: string): boolean {
  return pattern.endsWith(".*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
