import { z } from "zod";
import { Priority } from "../../queue/queue.ts";
import { pendingRotations, ROTATABLE, tenantsAfter } from "../../tenants/rotation.ts";
import { TenantIsDeleted } from "../../tenants/errors.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { acceptedResponses, acceptOnce, answerAccepted } from "./accepted.ts";
import { TenantId } from "./fields.ts";
import { ifMatch } from "./tenants.ts";

/** Tenants that one request of POST /api/rotations takes: a second's work. */
const MOST_AT_ONCE = 200;

const Secrets = z
  .array(z.enum(ROTATABLE))
  .min(1)
  .default([...ROTATABLE])
  .meta({ description: "`tunnel`: the tunnel's token. `database`: the password of the tenant's PostgreSQL role." });

const rotate = endpoint({
  route: "POST /api/tenants/{id}/rotate",
  tag: "Secrets",
  summary: "Draw a tenant's own secrets anew",
  description: "Visitors are served all the while. The old ones are of no use once the operation has succeeded.",
  params: TenantId,
  body: z.strictObject({ secrets: Secrets }),
  accepts: ["If-Match", "Prefer"],
  responses: acceptedResponses,
});

const rotateMany = endpoint({
  route: "POST /api/rotations",
  tag: "Secrets",
  summary: "Draw the secrets of all tenants anew, some at a time",
  description:
    "Takes the tenants in the order of their numbers and queues them behind all other work. Repeat it with `after` set to `next` until that is null; then the tunnels of containers that are no tenants are taken, too.",
  body: z.strictObject({
    secrets: Secrets,
    after: z.int().min(0).default(0).meta({ description: "Begin behind the tenant of this number." }),
  }),
  responses: {
    202: {
      description: "Queued.",
      schema: z.object({ success: z.literal(true), queued: z.int(), next: z.int().nullable() }),
    },
  },
});

const pending = endpoint({
  route: "GET /api/rotations",
  tag: "Secrets",
  summary: "Count the tenants, and tunnels of containers, whose new secrets are not in use yet",
  responses: {
    200: {
      description: "By secret.",
      schema: z.object({ success: z.literal(true), pending: z.object({ tunnel: z.int(), database: z.int() }) }),
    },
  },
});

export const rotationEndpoints = [rotate, rotateMany, pending];

export function rotationRoutes(deps: ApiDeps): BoundEndpoint[] {
  const { tenants, standaloneTunnels, database } = deps;
  return [
    bind(rotate, async (call) => {
      const options = { ...ifMatch(call.req.get("if-match")), priority: Priority.customer };
      const accepted = await acceptOnce(call, deps, (once) =>
        tenants.rotate(call.params.id, call.body.secrets, call.by, { ...once, ...options }),
      );
      return answerAccepted(accepted, call, deps);
    }),

    bind(rotateMany, async ({ body, by }) => {
      const ids = await tenantsAfter(database, body.after, MOST_AT_ONCE);
      let queued = 0;
      for (const id of ids) {
        try {
          await tenants.rotate(id, body.secrets, by, { priority: Priority.background });
          queued += 1;
        } catch (error) {
          if (!(error instanceof TenantIsDeleted)) throw error; // since it was listed
        }
      }
      const next = ids.length === MOST_AT_ONCE ? (ids.at(-1) ?? null) : null;
      if (next === null && body.secrets.includes("tunnel"))
        queued += await standaloneTunnels.rotateAll(by, { priority: Priority.background });
      return { status: 202, body: { success: true, queued, next } };
    }),

    bind(pending, async () => ({
      status: 200,
      body: { success: true, pending: { ...(await pendingRotations(database)) } },
    })),
  ];
}
