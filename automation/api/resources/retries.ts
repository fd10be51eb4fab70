import { z } from "zod";
import { Priority } from "../../queue/queue.ts";
import { TenantIsDeleted } from "../../tenants/errors.ts";
import { type ReasonKey, REASONS } from "../../tenants/reasons.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { stuckTenants } from "../queries/stuck-tenants.ts";

/** Tenants that one request takes: a second's work. */
const MOST_AT_ONCE = 200;

const REASON_KEYS = Object.keys(REASONS) as [ReasonKey, ...ReasonKey[]];

const retryMany = endpoint({
  route: "POST /api/retries",
  tag: "Tenants",
  summary: "Run all tenants, and tunnels of containers, again that are failed or stalled for one reason",
  description:
    "For when the cause they share is gone. Takes the tenants in the order of their numbers; repeat it with `after` set to `next` until that is null. Then the tunnels of containers that are no tenants are taken, too.",
  body: z.strictObject({
    reason: z.enum(REASON_KEYS).meta({ example: "cloudflare-refused", description: "Their `state_reason`." }),
    after: z.int().min(0).default(0).meta({ description: "Begin behind the tenant of this number." }),
  }),
  responses: {
    202: {
      description: "Queued.",
      schema: z.object({ success: z.literal(true), queued: z.int(), next: z.int().nullable() }),
    },
  },
});

export const retryEndpoints = [retryMany];

export function retryRoutes({ tenants, standaloneTunnels, database }: ApiDeps): BoundEndpoint[] {
  return [
    bind(retryMany, async ({ body, by }) => {
      const ids = await stuckTenants(database, body.reason, body.after, MOST_AT_ONCE);
      // Behind customers who wait for something new, before nightly work.
      const priority = Priority.change;
      let queued = 0;
      for (const id of ids) {
        try {
          await tenants.retry(id, by, { priority });
          queued += 1;
        } catch (error) {
          if (!(error instanceof TenantIsDeleted)) throw error; // since it was listed
        }
      }
      const next = ids.length === MOST_AT_ONCE ? (ids.at(-1) ?? null) : null;
      if (next === null) queued += await standaloneTunnels.retryAll(body.reason, by, { priority });
      return { status: 202, body: { success: true, queued, next } };
    }),
  ];
}
