import { z } from "zod";
import { readiness } from "../../readiness.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";

const Ready = z.object({
  success: z.boolean(),
  status: z.enum(["ready", "not ready"]),
  checks: z.record(z.string(), z.object({ ok: z.boolean(), ms: z.int() })),
});

const Live = z.object({ success: z.literal(true), status: z.literal("live") });

const live = endpoint({
  route: "GET /livez",
  tag: "Health",
  summary: "Does the process run",
  responses: { 200: { description: "It does. Asks nobody else, so it is cheap.", schema: Live } },
});

const healthy = endpoint({
  route: "GET /healthz",
  tag: "Health",
  summary: "The same, under its older name",
  responses: { 200: { description: "It does.", schema: Live } },
});

const ready = endpoint({
  route: "GET /readyz",
  tag: "Health",
  summary: "Can it take requests",
  responses: {
    200: { description: "Everything it needs answers.", schema: Ready },
    503: { description: "Something it needs does not answer, or it is stopping.", schema: Ready },
  },
});

const metrics = endpoint({
  route: "GET /metrics",
  tag: "Health",
  summary: "Prometheus metrics",
  responses: {
    200: {
      description: "Text format; docs/operations/observability.md lists the names.",
      schema: z.string(),
      mediaType: "text/plain",
    },
  },
});

export const healthEndpoints = [live, healthy, ready, metrics];

export function healthRoutes(deps: ApiDeps): BoundEndpoint[] {
  return [
    bind(live, async () => ({ status: 200, body: { success: true, status: "live" } })),
    bind(healthy, async () => ({ status: 200, body: { success: true, status: "live" } })),

    bind(ready, async () => {
      const body = await readiness(deps.readiness, deps.shutdown);
      return { status: body.success ? 200 : 503, body };
    }),

    bind(metrics, async () => ({
      status: 200,
      body: await deps.metrics.registry.metrics(),
      headers: { "content-type": deps.metrics.registry.contentType },
    })),
  ];
}
