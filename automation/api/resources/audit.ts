import { z } from "zod";
import type { AuditRecord } from "../../audit/chain.ts";
import { listAudit } from "../../audit/list.ts";
import { verifyAudit } from "../../audit/verify.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { iso, Limit, nextLink, NumericId, Timestamp } from "./fields.ts";

const AuditBody = z
  .object({
    id: z.int(),
    at: Timestamp,
    actor: z.string().meta({ example: "user:me" }),
    source: z.string().nullable().meta({ description: "Address it came from." }),
    request_id: z.string().nullable(),
    action: z.string().meta({ example: "tenant.suspend" }),
    subject_type: z.string(),
    subject_id: z.string(),
    before: z.unknown(),
    after: z.unknown(),
  })
  .meta({ id: "AuditLine" });

const Instant = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .optional();

const list = endpoint({
  route: "GET /api/audit",
  tag: "Audit",
  summary: "Read the audit log, newest first",
  query: z.strictObject({
    subject_type: z.string().max(100).optional(),
    subject_id: z.string().max(300).optional(),
    actor: z.string().max(300).optional(),
    action: z.string().max(100).optional(),
    since: Instant,
    until: Instant,
    cursor: NumericId.optional().meta({ description: "`next_cursor` of the page before." }),
    limit: Limit(200, 50),
  }),
  responses: {
    200: {
      description: "A page of lines.",
      schema: z.object({ success: z.literal(true), lines: z.array(AuditBody), next_cursor: z.string().nullable() }),
      headers: ["Link"],
    },
  },
});

const Head = z.object({ id: z.int(), hash: z.string() });

const verify = endpoint({
  route: "GET /api/audit/verify",
  tag: "Audit",
  summary: "Check the audit log's chain",
  description: "Reads all of it. A cut-off end shows only against a head that was noted before: pass it as `head`.",
  query: z.strictObject({
    head: z
      .string()
      .regex(/^[1-9]\d{0,14}:[0-9a-f]{64}$/, "must be <line>:<hash> as an answer gave it")
      .transform((text) => ({ id: Number(text.split(":")[0]), hash: text.split(":")[1] ?? "" }))
      .optional(),
  }),
  responses: {
    200: {
      description: "Whether every line follows the one before it.",
      schema: z.object({
        success: z.literal(true),
        valid: z.boolean(),
        lines: z.int(),
        head: Head.nullable(),
        first_broken: z.object({ id: z.int(), problem: z.string() }).nullable(),
      }),
    },
  },
});

export const auditEndpoints = [list, verify];

export function auditRoutes(deps: ApiDeps): BoundEndpoint[] {
  return [
    bind(list, async ({ query, req }) => {
      const { subject_type, subject_id, actor, action, since, until, cursor, limit } = query;
      const found = await listAudit(deps.database, {
        subjectType: subject_type,
        subjectId: subject_id,
        actor,
        action,
        since,
        until,
        before: cursor,
        limit: limit + 1,
      });
      const page = found.slice(0, limit);
      const next = found.length > limit ? String(page.at(-1)?.id) : undefined;
      return {
        status: 200,
        headers: nextLink(req.originalUrl, next),
        body: { success: true, lines: page.map(lineBody), next_cursor: next ?? null },
      };
    }),
    bind(verify, async ({ query, allow }) => {
      allow(600);
      const { valid, lines, head, firstBroken } = await verifyAudit(deps.database, query.head);
      return {
        status: 200,
        body: {
          success: true,
          valid,
          lines,
          head: head === undefined ? null : { ...head },
          first_broken: firstBroken === undefined ? null : { ...firstBroken },
        },
      };
    }),
  ];
}

function lineBody(line: AuditRecord): z.infer<typeof AuditBody> {
  const { id, at, actor, source, requestId, action, subjectType, subjectId, before, after } = line;
  return {
    id,
    at: iso(at),
    actor,
    source,
    request_id: requestId,
    action,
    subject_type: subjectType,
    subject_id: subjectId,
    before,
    after,
  };
}
