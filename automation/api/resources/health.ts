import { z } from "zod";
import type { ApiDeps, ReadinessCheck } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";

const CHECK_MS = 2_000;

const Ready = z.object({
  success: z.boolean(),
  status: z.enum(["ready", "not ready"]),
  checks: z.record(z.string(), z.object({ ok: z.boolean(), ms: z.int() })),
});

const live = endpoint({
  route: "GET /healthz",
  tag: "Health",
  summary: "Does the process run",
  responses: {
    200: { description: "It does.", schema: z.object({ success: z.literal(true), status: z.literal("live") }) },
  },
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
    200: { description: "Text format; docs/api.md lists the names.", schema: z.string(), mediaType: "text/plain" },
  },
});

export const healthEndpoints = [live, ready, metrics];

export function healthRoutes(deps: ApiDeps): BoundEndpoint[] {
  const checks: readonly ReadinessCheck[] = [
    { name: "database", check: async () => void (await deps.database.query("select 1")) },
    { name: "platform", check: async () => void (await deps.platform()) },
    ...(deps.readiness ?? []),
  ];
  return [
    bind(live, async () => ({ status: 200, body: { success: true, status: "live" } })),

    bind(ready, async () => {
      const results = await Promise.all(checks.map(async ({ name, check }) => [name, await timed(check)] as const));
      const fine = deps.shutdown?.aborted !== true && results.every(([, { ok }]) => ok);
      const body = {
        success: fine,
        status: fine ? ("ready" as const) : ("not ready" as const),
        checks: Object.fromEntries(results),
      };
      return { status: fine ? 200 : 503, body };
    }),

    bind(metrics, async () => ({
      status: 200,
      body: await deps.metrics.registry.metrics(),
      headers: { "content-type": deps.metrics.registry.contentType },
    })),
  ];
}

/** Only whether and how fast: why not is in the log of whoever failed, not for the public. */
async function timed(check: () => Promise<void>): Promise<{ ok: boolean; ms: number }> {
  const began = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, CHECK_MS, false)));
  const done = check().then(
    () => true,
    () => false,
  );
  const ok = await Promise.race([done, late]);
  clearTimeout(timer);
  return { ok, ms: Math.round(performance.now() - began) };
}
