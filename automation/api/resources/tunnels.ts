import { z } from "zod";
import { Priority } from "../../queue/queue.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { ApiError } from "../problem.ts";
import { knownTunnel, ofStandalone, ofTenant } from "../tunnels/tunnel-lookup.ts";
import { ContainerId, Cursor, Limit, LocalPort, nextLink, SubscriptionId } from "./fields.ts";
import { ifMatch } from "./tenants.ts";
import { acceptTunnelOnce, answerTunnel, changedResponses, standaloneName } from "./accepted-tunnel.ts";
import { TunnelBody, tunnelBody, TunnelId } from "./tunnel-shapes.ts";

const OneTunnel = z.object({ success: z.literal(true), tunnel: TunnelBody });

const list = endpoint({
  route: "GET /api/tunnels",
  tag: "Tunnels",
  summary: "List tunnels",
  description: "As last recorded. /api/tunnels/{id}/status asks Cloudflare and the host.",
  query: z.strictObject({ search: z.string().max(200).optional(), cursor: Cursor, limit: Limit(1_000, 1_000) }),
  responses: {
    200: {
      description: "A page of tunnels.",
      schema: z.object({
        success: z.literal(true),
        total: z.int(),
        tunnels: z.array(TunnelBody),
        next_cursor: z.string().nullable(),
      }),
      headers: ["Link"],
    },
  },
});

const read = endpoint({
  route: "GET /api/tunnels/{id}",
  tag: "Tunnels",
  summary: "Read a tunnel",
  params: TunnelId,
  responses: { 200: { description: "The tunnel.", schema: OneTunnel, headers: ["ETag"] } },
});

const bySubscription = endpoint({
  route: "GET /api/tunnels/subscription/{subscription_id}/tunnel",
  tag: "Tunnels",
  summary: "Read a subscription's tunnel",
  params: z.object({ subscription_id: SubscriptionId }),
  responses: { 200: { description: "The tunnel.", schema: OneTunnel } },
});

const create = endpoint({
  route: "POST /api/tunnels",
  tag: "Tunnels",
  summary: "Make a tunnel for an existing container",
  description: "For a container that is no tenant: tunnel, record and connector, no database.",
  body: z
    .strictObject({
      subscription_id: SubscriptionId,
      container_id: ContainerId,
      local_port: LocalPort,
      hostname: z
        .string()
        .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/, "must be a host name in lower case")
        .max(253)
        .optional()
        .meta({ description: "In the platform's domain. Default: made from the subscription's id." }),
    })
    .meta({ id: "NewTunnel" }),
  accepts: ["Prefer"],
  responses: changedResponses,
});

const remove = endpoint({
  route: "DELETE /api/tunnels/{id}",
  tag: "Tunnels",
  summary: "Remove a container's tunnel",
  description:
    "Unit, tunnel and record. Asked for again, it is the same operation, or a new try of one that has failed. A tenant's tunnel goes with its tenant: 409 here.",
  params: TunnelId,
  accepts: ["If-Match", "Prefer"],
  responses: changedResponses,
});

export const tunnelEndpoints = [list, read, bySubscription, create, remove];

export function tunnelRoutes(deps: ApiDeps): BoundEndpoint[] {
  const { tenants, standaloneTunnels } = deps;
  return [
    bind(list, async ({ query, req }) => {
      const platform = await deps.platform();
      const page = await tenants.list({
        limit: query.limit,
        ...(query.search !== undefined && { search: query.search }),
        ...(query.cursor !== undefined && { cursor: query.cursor }),
      });
      const standalone = (await standaloneTunnels.list()).filter(
        ({ label, subscriptionId }) =>
          query.search === undefined || label.includes(query.search) || subscriptionId.includes(query.search),
      );
      const here = [
        ...page.items.map((tenant) => ofTenant(tenant, platform)),
        // After the last page of tenants: they are few, and have no order of their own among them.
        ...(page.nextCursor === undefined ? standalone.map((tunnel) => ofStandalone(tunnel, platform)) : []),
      ];
      return {
        status: 200,
        headers: nextLink(req.originalUrl, page.nextCursor),
        body: {
          success: true,
          total: page.total + standalone.length,
          tunnels: here.map(tunnelBody),
          next_cursor: page.nextCursor ?? null,
        },
      };
    }),

    bind(read, async ({ params }) => {
      const tunnel = await knownTunnel(deps, params.id);
      return { status: 200, headers: { etag: tunnel.etag }, body: { success: true, tunnel: tunnelBody(tunnel) } };
    }),

    bind(bySubscription, async ({ params }) => {
      const platform = await deps.platform();
      const tenant = await tenants.bySubscription(params.subscription_id);
      if (tenant !== undefined && tenant.state !== "deleted")
        return { status: 200, body: { success: true, tunnel: tunnelBody(ofTenant(tenant, platform)) } };
      const standalone = await standaloneTunnels.bySubscription(params.subscription_id);
      if (standalone !== undefined)
        return { status: 200, body: { success: true, tunnel: tunnelBody(ofStandalone(standalone, platform)) } };
      throw new ApiError(
        404,
        "UnknownSubscription",
        "Not found",
        `Subscription "${params.subscription_id}" has no tunnel.`,
        { field: "subscription_id" },
      );
    }),

    bind(create, async (call) => {
      const { body, by } = call;
      const accepted = await acceptTunnelOnce(call, deps, (once) =>
        standaloneTunnels.request(
          {
            subscriptionId: body.subscription_id,
            containerId: body.container_id,
            localPort: body.local_port,
            ...(body.hostname !== undefined && { hostname: body.hostname }),
          },
          by,
          { ...once, priority: Priority.customer },
        ),
      );
      return answerTunnel(accepted, call, deps);
    }),

    bind(remove, async (call) => {
      const name = await standaloneName(deps, call.params.id, asTenant);
      return answerTunnel(await standaloneTunnels.remove(name, call.by, ifMatch(call.req.get("if-match"))), call, deps);
    }),
  ];
}

function asTenant(id: number): string {
  return `Suspend the tenant (POST /api/tenants/${id}/suspend), or delete it with its tunnel (DELETE /api/tenants/${id}).`;
}
