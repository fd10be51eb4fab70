import { z } from "zod";
import { provisioningTimes, recentFailures } from "../../metrics/provisioning-times.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { iso, Timestamp } from "./fields.ts";
import { QueueDepthBody } from "./queue.ts";
import { STATES } from "./tenant-shapes.ts";

const PROVISIONING_DAYS = 30;

const PlanBody = z
  .object({
    id: z.string().meta({ example: "starter" }),
    connection_limit: z.int().meta({ description: "PostgreSQL connections of a tenant at once." }),
    modules: z.array(z.string()).meta({ description: "Odoo modules beyond the template's." }),
  })
  .meta({ id: "Plan" });

const plans = endpoint({
  route: "GET /api/plans",
  tag: "Overview",
  summary: "List the plans of the platform's configuration",
  responses: {
    200: { description: "The plans.", schema: z.object({ success: z.literal(true), plans: z.array(PlanBody) }) },
  },
});

const dashboard = endpoint({
  route: "GET /api/dashboard/metrics",
  tag: "Overview",
  summary: "Figures of the whole platform",
  responses: {
    200: {
      description: "As of now; tunnel_health as of the last probes through the edge.",
      schema: z
        .object({
          success: z.literal(true),
          generated_at: Timestamp,
          tenants: z.object({ total: z.int(), by_state: z.partialRecord(z.enum(STATES), z.int()) }),
          provisioning: z.object({
            days: z.int(),
            count: z.int(),
            p50_seconds: z.number().nullable(),
            p95_seconds: z.number().nullable(),
          }),
          failures: z.object({
            last_24_hours: z.int(),
            tenants: z.int().meta({ description: "Failed or stalled now." }),
          }),
          queue: QueueDepthBody.extend({ paused: z.boolean() }),
          tunnel_health: z.object({
            total: z.int(),
            active: z.int(),
            error: z.int(),
            avg_latency_ms: z.number().nullable(),
          }),
        })
        .meta({ id: "DashboardMetrics" }),
    },
  },
});

export const overviewEndpoints = [plans, dashboard];

export function overviewRoutes(deps: ApiDeps): BoundEndpoint[] {
  return [
    bind(plans, async () => {
      const platform = await deps.platform();
      const known = Object.entries(platform.plans).map(([id, plan]) => ({
        id,
        connection_limit: plan.connectionLimit,
        modules: [...plan.modules],
      }));
      return { status: 200, body: { success: true, plans: known } };
    }),

    bind(dashboard, async () => {
      const { tenants, queue, database, tunnelHealth } = deps;
      const [counts, times, failures, depth, paused] = await Promise.all([
        tenants.countByState(),
        provisioningTimes(database, PROVISIONING_DAYS),
        recentFailures(database),
        queue.depth(),
        queue.isPaused(),
      ]);
      const { deleted: _gone, ...present } = counts;
      return {
        status: 200,
        body: {
          success: true,
          generated_at: iso(new Date()),
          tenants: { total: Object.values(present).reduce((sum, count) => sum + count, 0), by_state: { ...counts } },
          provisioning: { days: PROVISIONING_DAYS, ...times },
          failures: { last_24_hours: failures, tenants: (counts.failed ?? 0) + (counts.stalled ?? 0) },
          queue: { ...depth, paused },
          tunnel_health: tunnelHealth.summary(),
        },
      };
    }),
  ];
}
