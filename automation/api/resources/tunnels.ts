import { z } from "zod";
import { Priority } from "../../queue/queue.ts";
import type { Operation } from "../../tenants/operation.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { ApiError } from "../problem.ts";
import { type KnownTunnel, knownTunnel, ofStandalone, ofTenant } from "../tunnels/tunnel-lookup.ts";
import { ContainerId, Cursor, Limit, LocalPort, nextLink, SubscriptionId } from "./fields.ts";
import { linkOf, OperationLink } from "./operation-shapes.ts";
import { nextStepOf, STATES, TUNNEL_STATES } from "./tenant-shapes.ts";

export const TunnelId = z.object({
  id: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9-]{2,62}$/, "must be a tunnel's name or its Cloudflare id")
    .meta({ description: "The tunnel's name (acme-tunnel) or its Cloudflare id.", example: "acme-tunnel" }),
});

const Deployment = z
  .object({
    tenant_id: z.int().nullable().meta({ description: "null: a container that is no tenant." }),
    subdomain: z.string().nullable(),
    url: z.string(),
    plan: z.string().nullable(),
    subscription_id: z.string().nullable(),
    container_id: z.int(),
    local_port: z.int().nullable(),
  })
  .meta({ id: "Deployment" });

export const TunnelBody = z
  .object({
    id: z.string().meta({ description: "Cloudflare's id; the name until there is one." }),
    name: z.string().meta({ example: "acme-tunnel" }),
    status: z.enum(TUNNEL_STATES),
    state: z.enum(STATES).meta({ description: "Of what it belongs to: the tenant, or the container's own tunnel." }),
    state_reason: z.string().nullable(),
    state_detail: z.string().nullable(),
    next_step: z.string().nullable().meta({ description: "What to do when it is failed or stalled." }),
    guide: z.string().nullable().meta({ description: "Where the documentation tells more of it: page and section." }),
    deployment: Deployment,
  })
  .meta({ id: "Tunnel" });

const OneTunnel = z.object({ success: z.literal(true), tunnel: TunnelBody });
const ChangedTunnel = z.object({ success: z.literal(true), tunnel: TunnelBody, operation: OperationLink });

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
  responses: { 200: { description: "The tunnel.", schema: OneTunnel } },
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
  responses: {
    202: { description: "Under way: Location is the operation's URL.", schema: ChangedTunnel, headers: ["Location"] },
  },
});

const remove = endpoint({
  route: "DELETE /api/tunnels/{id}",
  tag: "Tunnels",
  summary: "Remove a container's tunnel",
  description: "Unit, tunnel and record. A tenant's tunnel goes with its tenant: 409 here.",
  params: TunnelId,
  responses: {
    202: { description: "Under way: Location is the operation's URL.", schema: ChangedTunnel, headers: ["Location"] },
  },
});

const retry = endpoint({
  route: "POST /api/tunnels/{id}/retry",
  tag: "Tunnels",
  summary: "Run a container's tunnel again",
  description:
    "Makes, or removes, it once more: whatever it failed at. A tenant's is tried again with its tenant: 409.",
  params: TunnelId,
  responses: {
    202: { description: "Under way: Location is the operation's URL.", schema: ChangedTunnel, headers: ["Location"] },
  },
});

export const tunnelEndpoints = [list, read, bySubscription, create, remove, retry];

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

    bind(read, async ({ params }) => ({
      status: 200,
      body: { success: true, tunnel: tunnelBody(await knownTunnel(deps, params.id)) },
    })),

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

    bind(create, async ({ body, by, acceptance }) => {
      const begun = acceptance?.operationId;
      const earlier = begun === undefined ? undefined : await standaloneTunnels.bySubscription(body.subscription_id);
      if (begun !== undefined && earlier !== undefined)
        return underWay(ofStandalone(earlier, await deps.platform()), await tenants.operation(begun));
      const { tunnel, operation } = await standaloneTunnels.request(
        {
          subscriptionId: body.subscription_id,
          containerId: body.container_id,
          localPort: body.local_port,
          ...(body.hostname !== undefined && { hostname: body.hostname }),
        },
        by,
        { priority: Priority.customer, ...(acceptance && { accepted: acceptance.remember }) },
      );
      return underWay(ofStandalone(tunnel, await deps.platform()), operation);
    }),

    bind(remove, async ({ params, by }) => {
      const tunnel = await knownTunnel(deps, params.id);
      if (tunnel.tenant !== undefined) throw belongsToTenant(tunnel.name, tunnel.tenant.id);
      return underWay(tunnel, await standaloneTunnels.remove(tunnel.name, by));
    }),

    bind(retry, async ({ params, by }) => {
      const tunnel = await knownTunnel(deps, params.id);
      if (tunnel.tenant !== undefined) throw triedWithTenant(tunnel.name, tunnel.tenant.id);
      return underWay(tunnel, await standaloneTunnels.retry(tunnel.name, by));
    }),
  ];
}

export function tunnelBody(tunnel: KnownTunnel): z.infer<typeof TunnelBody> {
  const { tunnelId, name, active, state, stateReason, stateDetail, tenant } = tunnel;
  return {
    id: tunnelId ?? name,
    name,
    status: tunnelId === null ? "pending" : active ? "active" : "inactive",
    state,
    state_reason: stateReason,
    state_detail: stateDetail,
    ...nextStepOf(stateReason),
    deployment: {
      tenant_id: tenant?.id ?? null,
      subdomain: tenant?.subdomain ?? null,
      url: tunnel.url,
      plan: tenant?.planType ?? null,
      subscription_id: tunnel.subscriptionId,
      container_id: tunnel.containerId,
      local_port: tunnel.localPort,
    },
  };
}

function underWay(
  tunnel: KnownTunnel,
  operation: Operation | undefined,
): { status: 202; headers: Record<string, string>; body: z.infer<typeof ChangedTunnel> } {
  if (operation === undefined)
    throw new ApiError(404, "UnknownTunnel", "Not found", `There is no tunnel "${tunnel.name}" any more.`, {
      field: "id",
    });
  const link = linkOf(operation);
  return {
    status: 202,
    headers: { location: link.url },
    body: { success: true, tunnel: tunnelBody(tunnel), operation: link },
  };
}

function belongsToTenant(name: string, tenantId: number): ApiError {
  return new ApiError(
    409,
    "TunnelOfTenant",
    "Belongs to a tenant",
    `${name} is the way in of tenant ${tenantId}, which would be made again by its next run.`,
    {
      field: "id",
      remedy: `Suspend the tenant (POST /api/tenants/${tenantId}/suspend), or delete it with its tunnel (DELETE /api/tenants/${tenantId}).`,
    },
  );
}

function triedWithTenant(name: string, tenantId: number): ApiError {
  return new ApiError(409, "TunnelOfTenant", "Belongs to a tenant", `${name} is the way in of tenant ${tenantId}.`, {
    field: "id",
    remedy: `Try the tenant again: POST /api/tenants/${tenantId}/retry`,
  });
}
