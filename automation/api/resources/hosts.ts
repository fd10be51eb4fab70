import { z } from "zod";
import { recordAudit } from "../../audit/record.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { ApiError } from "../problem.ts";
import { HostNumber } from "./fields.ts";

const rotate = endpoint({
  route: "POST /api/hosts/{id}/rotate",
  tag: "Secrets",
  summary: "Draw the password of a host's own PostgreSQL role anew",
  description:
    "Visitors are served all the while. `restart_odoo` exchanges what Odoo shows to the PgBouncer of its host as well, which takes a restart of Odoo: seconds in which its tenants do not answer.",
  params: z.object({ id: HostNumber.meta({ description: "The host's number (container_id).", example: "105" }) }),
  body: z.strictObject({ restart_odoo: z.boolean().default(false) }),
  responses: {
    200: {
      description: "The former password is of no use any more.",
      schema: z.object({ success: z.literal(true), host_id: z.int(), role: z.string(), odoo_restarted: z.boolean() }),
    },
  },
});

export const hostEndpoints = [rotate];

export function hostRoutes(deps: ApiDeps): BoundEndpoint[] {
  return [
    bind(rotate, async ({ params, body, by, requestId, signal }) => {
      const host = (await deps.platform()).hosts.find(({ id }) => id === params.id);
      if (host === undefined)
        throw new ApiError(404, "UnknownHost", "Not found", `There is no host ${params.id}.`, { field: "id" });
      const { role } = host.odoo;
      const restarted = body.restart_odoo;
      // Before: what a host has begun is not undone when the line cannot be written.
      await deps.database.transaction((tx) =>
        recordAudit(tx, {
          actor: by.name,
          source: by.source,
          requestId,
          action: "host.rotate",
          subjectType: "host",
          subjectId: String(host.id),
          after: { role, odoo_restarted: restarted },
        }),
      );
      await deps.hostRoles.rotate(host, restarted, signal);
      return { status: 200, body: { success: true, host_id: host.id, role, odoo_restarted: restarted } };
    }),
  ];
}
