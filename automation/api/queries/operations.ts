import { tunnelName } from "../../../components/tenant/names.ts";
import type { Queryable } from "../../db/database.ts";
import type { Operation, OperationKind, OperationStatus } from "../../tenants/operation.ts";

// resources and diagnostics can be long: a list leaves them to the single operation.
const LIST = `
  select id, tenant_id as "tenantId", standalone_tunnel_id as "standaloneTunnelId",
    (select label from standalone_tunnels where id = standalone_tunnel_id) as "tunnelLabel", kind, generation, status, requested_by as "requestedBy", request_id as "requestId",
    worker, queued_at as "queuedAt", started_at as "startedAt", finished_at as "finishedAt", changes, timings, error,
    null as resources, null as diagnostics
  from operations
  where ($1::text[] is null or kind = any($1))
    and ($2::text[] is null or status = any($2))
    and ($3::bigint is null or tenant_id = $3)
    and ($4::bigint is null or id < $4)
    and ($6::text is null
      or tenant_id in (select id from tenant_deployments where subdomain = $7 or tunnel_id = $6)
      or standalone_tunnel_id in (select id from standalone_tunnels where label = $7 or tunnel_id = $6))
  order by id desc limit $5`;

export interface OperationQuery {
  kinds?: readonly OperationKind[] | undefined;
  statuses?: readonly OperationStatus[] | undefined;
  tenantId?: number | undefined;
  /** Name or Cloudflare id of a tunnel: a tenant's, or a container's own; also of those that are deleted. */
  tunnel?: string | undefined;
  /** Operations older than this id. */
  before?: number | undefined;
  limit: number;
}

/** Of all tenants and containers' own tunnels, newest first, without resources and diagnostics. */
export async function listOperations(db: Queryable, query: OperationQuery): Promise<Operation[]> {
  const { kinds, statuses, tenantId, tunnel, before, limit } = query;
  const suffix = tunnelName("");
  const label = tunnel?.endsWith(suffix) === true ? tunnel.slice(0, -suffix.length) : null;
  const values = [kinds ?? null, statuses ?? null, tenantId ?? null, before ?? null, limit, tunnel ?? null, label];
  return (await db.query<Operation>(LIST, values)).rows;
}
