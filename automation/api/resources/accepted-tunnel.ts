import { z } from "zod";
import { isFinished } from "../../tenants/operation.ts";
import type { AcceptedTunnel, TunnelOptions } from "../../tunnels/standalone-tunnels.ts";
import type { ApiDeps } from "../deps.ts";
import type { Call } from "../http/endpoint.ts";
import { ApiError } from "../problem.ts";
import { knownTunnel, ofStandalone } from "../tunnels/tunnel-lookup.ts";
import { acceptedAs, awaited, goingOn, preferenceApplied, refuseFailed } from "./accepted.ts";
import { linkOf, OperationLink } from "./operation-shapes.ts";
import { TunnelBody, tunnelBody } from "./tunnel-shapes.ts";

const ChangedTunnel = z.object({ success: z.literal(true), tunnel: TunnelBody, operation: OperationLink });

export const changedResponses = acceptedAs(ChangedTunnel);

type Answer<S extends number> = { status: S; body: z.input<typeof ChangedTunnel>; headers: Record<string, string> };

/** Carries a change of a container's own tunnel out once for an Idempotency-Key. */
export async function acceptTunnelOnce(
  call: Pick<Call, "acceptance">,
  { tenants, standaloneTunnels }: Pick<ApiDeps, "tenants" | "standaloneTunnels">,
  change: (options: Pick<TunnelOptions, "accepted">) => Promise<AcceptedTunnel>,
): Promise<AcceptedTunnel> {
  return goingOn(call, tenants, change, async (operation) => {
    const { standaloneTunnelId: id } = operation;
    const tunnel = id === null ? undefined : await standaloneTunnels.byNumber(id);
    return tunnel && { tunnel, operation };
  });
}

/** 202 at once, or with `Prefer: wait=N` once it is done. Throws 502 when the operation failed within that time. */
export async function answerTunnel(
  accepted: AcceptedTunnel,
  call: Pick<Call, "waitSeconds" | "signal">,
  deps: ApiDeps,
): Promise<Answer<200> | Answer<202>> {
  const operation = await awaited(accepted.operation, call, deps);
  const now = operation === accepted.operation ? undefined : await deps.standaloneTunnels.byNumber(accepted.tunnel.id);
  const tunnel = now ?? accepted.tunnel;
  const known = ofStandalone(tunnel, await deps.platform());
  refuseFailed(operation, tunnel.retryAt, `/api/tunnels/${known.name}/retry`);
  const link = linkOf(operation);
  const body = { success: true as const, tunnel: tunnelBody(known), operation: link };
  const headers = { etag: known.etag, ...preferenceApplied(call) };
  if (isFinished(operation)) return { status: 200, body, headers };
  return { status: 202, body, headers: { ...headers, location: link.url } };
}

/** Name of a container's own tunnel. Throws 404, and 409 for a tenant's: what to do with the tenant instead says `remedy`. */
export async function standaloneName(
  deps: Pick<ApiDeps, "tenants" | "standaloneTunnels" | "platform">,
  nameOrId: string,
  remedy: (tenantId: number) => string,
): Promise<string> {
  const { name, tenant } = await knownTunnel(deps, nameOrId);
  if (tenant === undefined) return name;
  throw new ApiError(409, "TunnelOfTenant", "Belongs to a tenant", `${name} is the way in of tenant ${tenant.id}.`, {
    field: "id",
    remedy: remedy(tenant.id),
  });
}
