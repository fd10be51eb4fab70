import { z } from "zod";
import { recordAudit } from "../../audit/record.ts";
import type { Transaction } from "../../db/database.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, type Call, endpoint } from "../http/endpoint.ts";
import { ApiError } from "../problem.ts";
import { iso, Timestamp } from "./fields.ts";

export const QueueDepthBody = z
  .object({
    waiting: z.int().meta({ description: "Ready to run." }),
    deferred: z.int().meta({ description: "Waiting for their next try." }),
    active: z.int(),
    dead: z.int().meta({ description: "Out of tries." }),
  })
  .meta({ id: "QueueDepth" });

const DeadLetterBody = z
  .object({
    id: z.string(),
    queue: z.enum(["reconcile", "stripe-event", "preview"]),
    data: z.record(z.string(), z.unknown()),
    failed_at: Timestamp,
    error: z.string().nullable(),
  })
  .meta({ id: "DeadLetter" });

const QueueBody = z.object({
  success: z.literal(true),
  paused: z.boolean(),
  paused_until: Timestamp.nullable().meta({ description: "When the pause ends by itself; null of one that does not." }),
  depth: QueueDepthBody,
  dead_letters: z.array(DeadLetterBody),
});
const PausedBody = z.object({ success: z.literal(true), paused: z.boolean() });

const read = endpoint({
  route: "GET /api/queue",
  tag: "Queue",
  summary: "Read the queue's state",
  responses: { 200: { description: "Depth, and the newest dead letters.", schema: QueueBody } },
});

const pause = endpoint({
  route: "POST /api/queue/pause",
  tag: "Queue",
  summary: "Hand out no more runs, on all workers",
  description: "Running ones end; wishes and events are still recorded. A pause without an end is not shortened.",
  body: z.strictObject({
    seconds: z.int().min(5).max(86_400).optional().meta({ description: "Ends it by itself. Default: it stays." }),
  }),
  responses: { 200: { description: "Paused.", schema: PausedBody } },
});

const unpause = endpoint({
  route: "POST /api/queue/unpause",
  tag: "Queue",
  summary: "Hand out runs again",
  responses: { 200: { description: "Going on.", schema: PausedBody } },
});

const revive = endpoint({
  route: "POST /api/queue/dead-letters/{id}/retry",
  tag: "Queue",
  summary: "Queue a dead letter again",
  params: z.object({ id: z.string().regex(/^[\w-]{1,100}$/, "must be a dead letter's id") }),
  responses: { 202: { description: "Queued.", schema: z.object({ success: z.literal(true), id: z.string() }) } },
});

export const queueEndpoints = [read, pause, unpause, revive];

export function queueRoutes(deps: ApiDeps): BoundEndpoint[] {
  const { queue, database } = deps;
  /** What is done and its line of the audit log, or nothing of both. */
  const audited = <T>(
    { by, requestId }: Pick<Call, "by" | "requestId">,
    action: string,
    subjectId: string,
    work: (tx: Transaction) => Promise<T>,
  ): Promise<T> =>
    database.transaction(async (tx) => {
      const done = await work(tx);
      await recordAudit(tx, { actor: by.name, source: by.source, requestId, action, subjectType: "queue", subjectId });
      return done;
    });
  return [
    bind(read, async () => {
      const [pauseNow, depth, dead] = await Promise.all([queue.pause(), queue.depth(), queue.deadLetters(50)]);
      return {
        status: 200,
        body: {
          success: true,
          paused: pauseNow !== undefined,
          paused_until: pauseNow?.endsAt == null ? null : iso(pauseNow.endsAt),
          depth: { ...depth },
          dead_letters: dead.map(({ id, queue: name, data, failedAt, error }) => ({
            id,
            queue: name,
            data: { ...data },
            failed_at: iso(failedAt),
            error: error ?? null,
          })),
        },
      };
    }),
    bind(pause, async (call) => {
      await audited(call, "queue.pause", "all", (tx) => queue.pauseAll(tx, true, call.body.seconds));
      return { status: 200, body: { success: true, paused: true } };
    }),
    bind(unpause, async (call) => {
      await audited(call, "queue.unpause", "all", (tx) => queue.pauseAll(tx, false));
      return { status: 200, body: { success: true, paused: false } };
    }),
    bind(revive, async (call) => {
      const { id } = call.params;
      await audited(call, "queue.retry", id, async (tx) => {
        if (await queue.revive(tx, id)) return;
        throw new ApiError(404, "UnknownDeadLetter", "Not found", `There is no dead letter "${id}".`, { field: "id" });
      });
      return { status: 202, body: { success: true, id } };
    }),
  ];
}
