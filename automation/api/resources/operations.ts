import { z } from "zod";
import { eventsAfter } from "../../tenants/operation-rows.ts";
import type { OperationEvent } from "../../tenants/operation.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint, STREAMED } from "../http/endpoint.ts";
import { type StreamEvent, streamEvents, wantsStream } from "../http/event-stream.ts";
import { ApiError } from "../problem.ts";
import { listOperations } from "../queries/operations.ts";
import { iso, Limit, nextLink, NumericId, Timestamp, wordList } from "./fields.ts";
import { OPERATION_KINDS, OPERATION_STATUSES, OperationBody, operationBody } from "./operation-shapes.ts";
import { TunnelId } from "./tunnel-shapes.ts";

/** Of PostgreSQL's integer. */
const LAST_SEQUENCE = 2 ** 31 - 1;

const OperationId = z.object({ id: NumericId.meta({ description: "The operation's number." }) });

const Event = z
  .object({
    sequence: z.int(),
    at: Timestamp,
    kind: z.string().meta({ description: "phase, resource, diagnostic, summary or finished." }),
    body: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "OperationEvent" });

const list = endpoint({
  route: "GET /api/operations",
  tag: "Operations",
  summary: "List operations, newest first",
  description: "Without resources and diagnostics: the single operation has them.",
  query: z.strictObject({
    kind: wordList(OPERATION_KINDS).meta({ description: "One or more, comma separated." }),
    status: wordList(OPERATION_STATUSES).meta({ description: "One or more, comma separated." }),
    tenant_id: NumericId.optional(),
    tunnel: TunnelId.shape.id.optional().meta({
      description: "Those of a tunnel's tenant, or of a container's own tunnel: by its name or Cloudflare id.",
    }),
    cursor: NumericId.optional().meta({ description: "`next_cursor` of the page before." }),
    limit: Limit(200, 50),
  }),
  responses: {
    200: {
      description: "A page of operations.",
      schema: z.object({
        success: z.literal(true),
        operations: z.array(OperationBody),
        next_cursor: z.string().nullable(),
      }),
      headers: ["Link"],
    },
  },
});

const read = endpoint({
  route: "GET /api/operations/{id}",
  tag: "Operations",
  summary: "Read an operation",
  description: "With `Prefer: wait=N` it answers when the operation has finished, or after N seconds as it is then.",
  params: OperationId,
  accepts: ["Prefer"],
  responses: {
    200: {
      description: "The operation.",
      schema: z.object({ success: z.literal(true), operation: OperationBody }),
      headers: ["Preference-Applied"],
    },
  },
});

const events = endpoint({
  route: "GET /api/operations/{id}/events",
  tag: "Operations",
  summary: "Watch an operation",
  description:
    "With `Accept: text/event-stream`: every event, those to come included, until it has finished; a client that reconnects goes on after its Last-Event-ID. Else those so far, 1,000 at most: ask again after the last one.",
  params: OperationId,
  query: z.strictObject({
    after: z.coerce
      .number()
      .int()
      .min(0)
      .max(LAST_SEQUENCE)
      .default(0)
      .meta({ description: "Only events after this sequence." }),
  }),
  accepts: ["Last-Event-ID"],
  responses: {
    200: { description: "Events in order.", schema: z.object({ success: z.literal(true), events: z.array(Event) }) },
  },
});

export const operationEndpoints = [list, read, events];

export function operationRoutes(deps: ApiDeps): BoundEndpoint[] {
  const { tenants, database } = deps;
  const known = async (id: number): Promise<NonNullable<Awaited<ReturnType<typeof tenants.operation>>>> => {
    const operation = await tenants.operation(id);
    if (operation !== undefined) return operation;
    throw new ApiError(404, "UnknownOperation", "Not found", `There is no operation ${id}.`, { field: "id" });
  };
  return [
    bind(list, async ({ query, req }) => {
      const { kind, status, tenant_id, tunnel, cursor, limit } = query;
      const found = await listOperations(database, {
        kinds: kind,
        statuses: status,
        tenantId: tenant_id,
        tunnel,
        before: cursor,
        limit: limit + 1,
      });
      const page = found.slice(0, limit);
      const next = found.length > limit ? String(page.at(-1)?.id) : undefined;
      return {
        status: 200,
        headers: nextLink(req.originalUrl, next),
        body: { success: true, operations: page.map(operationBody), next_cursor: next ?? null },
      };
    }),

    bind(read, async ({ params, waitSeconds, signal }) => {
      const now = await known(params.id);
      const operation =
        waitSeconds === undefined ? now : await tenants.waitForOperation(params.id, waitSeconds * 1_000, signal);
      const headers: Record<string, string> =
        waitSeconds === undefined ? {} : { "preference-applied": `wait=${waitSeconds}` };
      return { status: 200, headers, body: { success: true, operation: operationBody(operation) } };
    }),

    bind(events, async ({ params, query, req, res, signal, allow }) => {
      await known(params.id);
      const lastSeen = Number(req.get("last-event-id"));
      const after = Number.isInteger(lastSeen) && lastSeen > 0 && lastSeen <= LAST_SEQUENCE ? lastSeen : query.after;
      if (wantsStream(req)) {
        const release = deps.streams.take();
        try {
          allow(Infinity);
          const until = deps.shutdown === undefined ? signal : AbortSignal.any([signal, deps.shutdown]);
          await streamEvents(res, asEvents(tenants.watchOperation(params.id, after, until)), until);
        } finally {
          release();
        }
        return STREAMED;
      }
      return {
        status: 200,
        body: { success: true, events: (await eventsAfter(database, params.id, after)).map(eventBody) },
      };
    }),
  ];
}

async function* asEvents(source: AsyncIterable<OperationEvent>): AsyncIterable<StreamEvent> {
  for await (const event of source) yield { id: String(event.sequence), event: event.kind, data: eventBody(event) };
}

function eventBody({ sequence, at, kind, body }: OperationEvent): z.infer<typeof Event> {
  return { sequence, at: iso(at), kind, body: { ...body } };
}
