import { z } from "zod";
import { Priority } from "../../queue/queue.ts";
import type { ApiDeps } from "../deps.ts";
import type { ChangeOptions } from "../../tenants/tenants.ts";
import { bind, type BoundEndpoint, type Call, type CallOf, endpoint } from "../http/endpoint.ts";
import { generationTag } from "../http/generation-tag.ts";
import { acceptedResponses, acceptOnce, answerAccepted } from "./accepted.ts";
import { Cursor, Limit, nextLink, TenantId } from "./fields.ts";
import { OperationBody, operationBody } from "./operation-shapes.ts";
import { answerPreview, previewResponses } from "./previews.ts";
import { StackConfigBody, stackConfig } from "./tenant-config.ts";
import { TenantBody, tenantBody } from "./tenant-shapes.ts";
import { ifMatch, known } from "./tenants.ts";

const Reason = z.strictObject({ reason: z.string().trim().min(1).max(200).optional() }).meta({ id: "Reason" });
const OneTenant = z.object({ success: z.literal(true), tenant: TenantBody });

const suspend = endpoint({
  route: "POST /api/tenants/{id}/suspend",
  tag: "Tenants",
  summary: "Suspend a tenant",
  description: "Visitors get a 503 page; data and host name stay.",
  params: TenantId,
  body: Reason,
  accepts: ["If-Match", "Prefer"],
  responses: acceptedResponses,
});

const resume = endpoint({
  route: "POST /api/tenants/{id}/resume",
  tag: "Tenants",
  summary: "Resume a tenant",
  description: "Also stops the clocks of grace and deletion.",
  params: TenantId,
  accepts: ["If-Match", "Prefer"],
  responses: acceptedResponses,
});

const retry = endpoint({
  route: "POST /api/tenants/{id}/retry",
  tag: "Tenants",
  summary: "Run a tenant again",
  description: "Brings a failed or stalled tenant on; a converged one is checked and repaired.",
  params: TenantId,
  accepts: ["If-Match", "Prefer"],
  responses: acceptedResponses,
});

const unlock = endpoint({
  route: "POST /api/tenants/{id}/unlock",
  tag: "Tenants",
  summary: "Break the locks of a tenant's stack, and run it again",
  description:
    "For `lock-held`, when whoever made the lock is known to be dead: two updates at once would spoil the state. Locks made later are respected.",
  params: TenantId,
  accepts: ["If-Match", "Prefer"],
  responses: acceptedResponses,
});

const preview = endpoint({
  route: "POST /api/tenants/{id}/preview",
  tag: "Tenants",
  summary: "Preview what a run would change",
  params: TenantId,
  accepts: ["Prefer"],
  responses: previewResponses,
});

const pause = endpoint({
  route: "POST /api/tenants/{id}/pause",
  tag: "Tenants",
  summary: "Park a tenant's runs",
  description: "Wishes are still recorded; a run that has begun ends first.",
  params: TenantId,
  accepts: ["If-Match"],
  responses: { 200: { description: "Paused.", schema: OneTenant, headers: ["ETag"] } },
});

const unpause = endpoint({
  route: "POST /api/tenants/{id}/unpause",
  tag: "Tenants",
  summary: "Let a tenant's runs go on",
  params: TenantId,
  accepts: ["If-Match"],
  responses: { 200: { description: "Going on.", schema: OneTenant, headers: ["ETag"] } },
});

const config = endpoint({
  route: "GET /api/tenants/{id}/config",
  tag: "Tenants",
  summary: "Read a tenant's stack configuration",
  description: "For an operator's `pulumi -s <subdomain>`: the same program, the same state.",
  params: TenantId,
  responses: {
    200: {
      description: "Keys of Pulumi.<subdomain>.yaml.",
      schema: z.object({ success: z.literal(true), stack: z.string(), config: StackConfigBody }),
    },
  },
});

const operations = endpoint({
  route: "GET /api/tenants/{id}/operations",
  tag: "Operations",
  summary: "List a tenant's operations, newest first",
  params: TenantId,
  query: z.strictObject({ cursor: Cursor, limit: Limit(200, 20) }),
  responses: {
    200: {
      description: "A page of operations.",
      schema: z.object({
        success: z.literal(true),
        total: z.int(),
        operations: z.array(OperationBody),
        next_cursor: z.string().nullable(),
      }),
      headers: ["Link"],
    },
  },
});

function urgent({ req }: Pick<Call, "req">): ChangeOptions {
  return { ...ifMatch(req.get("if-match")), priority: Priority.customer };
}

async function paused(
  pausing: boolean,
  { params, by, req }: CallOf<typeof pause>,
  { tenants, platform }: ApiDeps,
): Promise<{ status: 200; headers: Record<string, string>; body: z.input<typeof OneTenant> }> {
  const tenant = await tenants.pause(params.id, pausing, by, ifMatch(req.get("if-match")));
  const headers = { etag: generationTag(tenant) };
  return { status: 200, headers, body: { success: true, tenant: tenantBody(tenant, await platform()) } };
}

export const tenantActionEndpoints = [suspend, resume, retry, unlock, preview, pause, unpause, config, operations];

export function tenantActionRoutes(deps: ApiDeps): BoundEndpoint[] {
  const { tenants } = deps;
  return [
    bind(suspend, async (call) => {
      // The first word tells the life cycle that a person decided this, not a payment.
      const wantedReason = call.body.reason === undefined ? "operator" : `operator: ${call.body.reason}`;
      const wish = { wanted: "suspended", wantedReason } as const;
      const accepted = await acceptOnce(call, deps, (once) =>
        tenants.changeWish(call.params.id, wish, call.by, { ...once, ...urgent(call) }),
      );
      return answerAccepted(accepted, call, deps);
    }),

    bind(resume, async (call) => {
      const wish = { wanted: "active", wantedReason: null, graceUntil: null, deleteAfter: null } as const;
      const accepted = await acceptOnce(call, deps, (once) =>
        tenants.changeWish(call.params.id, wish, call.by, { ...once, ...urgent(call) }),
      );
      return answerAccepted(accepted, call, deps);
    }),

    bind(retry, async (call) =>
      answerAccepted(
        await acceptOnce(call, deps, (once) => tenants.retry(call.params.id, call.by, { ...once, ...urgent(call) })),
        call,
        deps,
      ),
    ),

    bind(unlock, async (call) => {
      const accepted = await acceptOnce(call, deps, (once) =>
        tenants.retry(call.params.id, call.by, { ...once, ...urgent(call), unlock: true }),
      );
      return answerAccepted(accepted, call, deps);
    }),

    bind(preview, async (call) => {
      await known(deps, call.params.id);
      return answerPreview(call, deps, (once) => tenants.preview(call.params.id, call.by, once));
    }),

    bind(pause, (call) => paused(true, call, deps)),

    bind(unpause, (call) => paused(false, call, deps)),

    bind(config, async ({ params }) => {
      const tenant = await known(deps, params.id);
      return {
        status: 200,
        body: { success: true, stack: tenant.subdomain, config: stackConfig(tenant, deps.platformStack) },
      };
    }),

    bind(operations, async ({ params, query, req }) => {
      await known(deps, params.id);
      const page = await tenants.operations(params.id, {
        limit: query.limit,
        ...(query.cursor !== undefined && { cursor: query.cursor }),
      });
      return {
        status: 200,
        headers: nextLink(req.originalUrl, page.nextCursor),
        body: {
          success: true,
          total: page.total,
          operations: page.items.map(operationBody),
          next_cursor: page.nextCursor ?? null,
        },
      };
    }),
  ];
}
