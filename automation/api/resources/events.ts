import { z } from "zod";
import { recordAudit } from "../../audit/record.ts";
import { reopenEvent } from "../../stripe/inbox.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { ApiError } from "../problem.ts";
import { listStripeEvents, readStripeEvent, type StripeEventRow } from "../queries/stripe-events.ts";
import { Cursor, iso, Limit, nextLink, NullableTimestamp, NumericId, SubscriptionId, Timestamp } from "./fields.ts";

const EventId = z.object({
  id: z
    .string()
    .regex(/^[\w-]{1,255}$/, "must be an event's id")
    .meta({ example: "evt_1PqRsT" }),
});

const EventBody = z
  .object({
    id: z.string(),
    type: z.string().meta({ example: "checkout.session.completed" }),
    api_version: z.string().nullable(),
    livemode: z.boolean(),
    created_at: Timestamp,
    received_at: Timestamp,
    subscription_id: z.string().nullable(),
    outcome: z
      .enum(["applied", "ignored", "task"])
      .nullable()
      .meta({ description: "null until it is handled; task: an operator's turn." }),
    detail: z.string().nullable(),
    tenant_id: z.int().nullable(),
    handled_at: NullableTimestamp,
  })
  .meta({ id: "StripeEvent" });

const list = endpoint({
  route: "GET /api/events",
  tag: "Stripe events",
  summary: "List received Stripe events, newest first",
  query: z.strictObject({
    type: z.string().max(100).optional(),
    subscription_id: SubscriptionId.optional(),
    tenant_id: NumericId.optional(),
    outcome: z.enum(["applied", "ignored", "task", "unhandled"]).optional(),
    cursor: Cursor,
    limit: Limit(200, 50),
  }),
  responses: {
    200: {
      description: "A page of events.",
      schema: z.object({ success: z.literal(true), events: z.array(EventBody), next_cursor: z.string().nullable() }),
      headers: ["Link"],
    },
  },
});

const read = endpoint({
  route: "GET /api/events/{id}",
  tag: "Stripe events",
  summary: "Read a Stripe event as it came",
  params: EventId,
  responses: {
    200: {
      description: "The event.",
      schema: z.object({
        success: z.literal(true),
        event: EventBody.extend({ body: z.record(z.string(), z.unknown()) }),
      }),
    },
  },
});

const replay = endpoint({
  route: "POST /api/events/{id}/replay",
  tag: "Stripe events",
  summary: "Handle a Stripe event again",
  description: "Safe at any time: what counts is what Stripe says about the subscription now.",
  params: EventId,
  responses: { 202: { description: "Queued.", schema: z.object({ success: z.literal(true), event: EventBody }) } },
});

export const eventEndpoints = [list, read, replay];

export function eventRoutes(deps: ApiDeps): BoundEndpoint[] {
  const { database } = deps;
  const known = async (id: string): Promise<StripeEventRow & { body: Record<string, unknown> }> => {
    const event = await readStripeEvent(database, id);
    if (event !== undefined) return event;
    throw new ApiError(404, "UnknownEvent", "Not found", `There is no event "${id}".`, { field: "id" });
  };
  return [
    bind(list, async ({ query, req }) => {
      const { type, subscription_id, tenant_id, outcome, cursor, limit } = query;
      const found = await listStripeEvents(database, {
        type,
        subscriptionId: subscription_id,
        tenantId: tenant_id,
        outcome,
        before: decodePlace(cursor),
        limit: limit + 1,
      });
      const page = found.slice(0, limit);
      const last = page.at(-1);
      const next = found.length > limit && last !== undefined ? encodePlace(last) : undefined;
      return {
        status: 200,
        headers: nextLink(req.originalUrl, next),
        body: { success: true, events: page.map(eventBody), next_cursor: next ?? null },
      };
    }),

    bind(read, async ({ params }) => {
      const event = await known(params.id);
      return { status: 200, body: { success: true, event: { ...eventBody(event), body: event.body } } };
    }),

    bind(replay, async ({ params, by, requestId }) => {
      const { id, type, subscription_id: subscriptionId } = await known(params.id);
      await database.transaction(async (tx) => {
        if (!(await reopenEvent(tx, id))) throw nothingToHandle(type);
        await deps.queue.enqueueStripeEvent(tx, id);
        await recordAudit(tx, {
          actor: by.name,
          source: by.source,
          requestId,
          action: "event.replay",
          subjectType: "event",
          subjectId: id,
          after: { type, subscriptionId },
        });
      });
      return { status: 202, body: { success: true, event: eventBody(await known(id)) } };
    }),
  ];
}

function nothingToHandle(type: string): ApiError {
  return new ApiError(
    409,
    "NothingToHandle",
    "Nothing to handle",
    `This event (${type}) is about no subscription of ours.`,
    {
      field: "id",
    },
  );
}

function eventBody(event: StripeEventRow): z.infer<typeof EventBody> {
  const { id, type, api_version, livemode, subscription_id, outcome, detail, tenant_id } = event;
  return {
    id,
    type,
    api_version,
    livemode,
    subscription_id,
    outcome,
    detail,
    tenant_id,
    created_at: iso(event.created_at),
    received_at: iso(event.received_at),
    handled_at: iso(event.handled_at),
  };
}

function encodePlace({ place, id }: { place: string; id: string }): string {
  return Buffer.from(`${place}|${id}`).toString("base64url");
}

function decodePlace(cursor: string | undefined): { receivedAt: string; id: string } | undefined {
  if (cursor === undefined) return undefined;
  const [receivedAt, id] = Buffer.from(cursor, "base64url").toString().split("|");
  if (
    receivedAt !== undefined &&
    id !== undefined &&
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d(:\d\d)?$/.test(receivedAt)
  )
    return { receivedAt, id };
  throw new ApiError(400, "InvalidRequest", "Invalid request", "cursor: must be the next_cursor of an answer", {
    field: "cursor",
  });
}
