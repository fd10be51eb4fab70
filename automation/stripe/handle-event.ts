import { withLogFields } from "../telemetry/log-fields.ts";
import { inSpan, SpanKind } from "../telemetry/spans.ts";
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
  const { id, type, subscriptionId, traceparent: parent, receivedAt: queuedAt } = event;
  const attributes = { "stripe.event.id": id, "stripe.event.type": type, "stripe.subscription.id": subscriptionId };
  await withLogFields({ requestId: id, eventId: id }, () =>
    inSpan("handle event", { kind: SpanKind.CONSUMER, attributes, parent, queuedAt }, async (span) => {
      const { outcome, tenantId } = await synchronise(subscriptionId, { name: "stripe", requestId: id }, deps);
      span.setAttribute("odoosaas.outcome", outcome);
      if (tenantId !== null) span.setAttribute("odoosaas.tenant_id", tenantId);
    }),
  );
}
