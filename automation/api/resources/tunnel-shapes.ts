import { z } from "zod";
import type { KnownTunnel } from "../tunnels/tunnel-lookup.ts";
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
    wanted: z.enum(["active", "suspended", "deleted"]),
    state: z.enum(STATES).meta({ description: "Of what it belongs to: the tenant, or the container's own tunnel." }),
    state_reason: z.string().nullable(),
    state_detail: z.string().nullable(),
    next_step: z.string().nullable().meta({ description: "What to do when it is failed or stalled." }),
    guide: z.string().nullable().meta({ description: "Where the documentation tells more of it: page and section." }),
    deployment: Deployment,
  })
  .meta({ id: "Tunnel" });

export function tunnelBody(tunnel: KnownTunnel): z.infer<typeof TunnelBody> {
  const { tunnelId, name, active, wanted, state, stateReason, stateDetail, tenant } = tunnel;
  return {
    id: tunnelId ?? name,
    name,
    status: tunnelId === null ? "pending" : active ? "active" : "inactive",
    wanted,
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
