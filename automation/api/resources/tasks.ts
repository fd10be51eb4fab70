import { z } from "zod";
import { recordAudit } from "../../audit/record.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { ApiError } from "../problem.ts";
import { listTasks, type OperatorTaskRow, resolveTask } from "../queries/operator-tasks.ts";
import { iso, Limit, nextLink, NullableTimestamp, NumericId, Timestamp } from "./fields.ts";

const TaskBody = z
  .object({
    id: z.int(),
    kind: z.string(),
    subscription_id: z.string().nullable(),
    tenant_id: z.int().nullable(),
    detail: z.string(),
    remedy: z.string(),
    created_at: Timestamp,
    resolved_at: NullableTimestamp,
    resolved_by: z.string().nullable(),
  })
  .meta({ id: "Task" });

const list = endpoint({
  route: "GET /api/tasks",
  tag: "Tasks",
  summary: "List what waits for a person",
  query: z.strictObject({
    resolved: z.enum(["true", "false", "all"]).default("false"),
    kind: z.string().max(100).optional(),
    tenant_id: NumericId.optional(),
    cursor: NumericId.optional().meta({ description: "`next_cursor` of the page before." }),
    limit: Limit(200, 50),
  }),
  responses: {
    200: {
      description: "A page of tasks, newest first.",
      schema: z.object({ success: z.literal(true), tasks: z.array(TaskBody), next_cursor: z.string().nullable() }),
      headers: ["Link"],
    },
  },
});

const resolve = endpoint({
  route: "POST /api/tasks/{id}/resolve",
  tag: "Tasks",
  summary: "Mark a task as done",
  params: z.object({ id: NumericId }),
  responses: { 200: { description: "Done.", schema: z.object({ success: z.literal(true), task: TaskBody }) } },
});

export const taskEndpoints = [list, resolve];

export function taskRoutes(deps: ApiDeps): BoundEndpoint[] {
  return [
    bind(list, async ({ query, req }) => {
      const { resolved, kind, tenant_id, cursor, limit } = query;
      const found = await listTasks(deps.database, {
        resolved: resolved === "all" ? undefined : resolved === "true",
        kind,
        tenantId: tenant_id,
        before: cursor,
        limit: limit + 1,
      });
      const page = found.slice(0, limit);
      const next = found.length > limit ? String(page.at(-1)?.id) : undefined;
      return {
        status: 200,
        headers: nextLink(req.originalUrl, next),
        body: { success: true, tasks: page.map(taskBody), next_cursor: next ?? null },
      };
    }),

    bind(resolve, async ({ params, by, requestId }) => {
      const done = await deps.database.transaction(async (tx) => {
        const resolved = await resolveTask(tx, params.id, by.name);
        if (resolved?.changed === true) {
          await recordAudit(tx, {
            actor: by.name,
            source: by.source,
            requestId,
            action: "task.resolve",
            subjectType: "task",
            subjectId: String(params.id),
            after: { kind: resolved.task.kind, detail: resolved.task.detail },
          });
        }
        return resolved;
      });
      if (done === undefined)
        throw new ApiError(404, "UnknownTask", "Not found", `There is no task ${params.id}.`, { field: "id" });
      return { status: 200, body: { success: true, task: taskBody(done.task) } };
    }),
  ];
}

function taskBody({ created_at, resolved_at, ...task }: OperatorTaskRow): z.infer<typeof TaskBody> {
  return { ...task, created_at: iso(created_at), resolved_at: iso(resolved_at) };
}
