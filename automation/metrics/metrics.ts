import type { RequestHandler } from "express";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { BudgetUse } from "../cloudflare/budget.ts";
import type { Database } from "../db/database.ts";
import type { Queue } from "../queue/queue.ts";
import type { Tenants } from "../tenants/tenants.ts";
import { cloudflareBudgetMetrics } from "./cloudflare-budget.ts";
import { finishedOperations } from "./finished-operations.ts";
import type { TunnelHealthSummary } from "./tunnel-health.ts";

export interface MetricsSources {
  readonly database: Database;
  readonly tenants: Pick<Tenants, "countByState">;
  readonly queue: Pick<Queue, "depth">;
  readonly tunnelHealth: () => TunnelHealthSummary;
  readonly cloudflare: () => Promise<BudgetUse>;
}

const PROVISIONING_BUCKETS = [0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600];
const HTTP_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * Prometheus metrics, each with its meaning (docs/operations/observability.md lists them). All but the HTTP times and the process's own come
 * from the database when they are asked for, so every API process tells the whole platform's: of several, take one.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #http: Histogram<"method" | "route" | "status">;

  constructor(sources: MetricsSources) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry, prefix: "odoosaas_" });

    this.#http = new Histogram({
      name: "odoosaas_http_request_duration_seconds",
      help: "Time from a request's arrival to the end of its answer, by route. Live streams are left out.",
      labelNames: ["method", "route", "status"],
      buckets: HTTP_BUCKETS,
      registers,
    });

    new Gauge({
      name: "odoosaas_tenants",
      help: "Tenants by state.",
      labelNames: ["state"],
      registers,
      async collect() {
        const counts = await sources.tenants.countByState();
        this.reset();
        for (const [state, count] of Object.entries(counts)) this.set({ state }, count);
      },
    });

    new Gauge({
      name: "odoosaas_queue_jobs",
      help: "Jobs by state: waiting, deferred (until their next try), active, dead (out of tries).",
      labelNames: ["state"],
      registers,
      async collect() {
        for (const [state, count] of Object.entries(await sources.queue.depth())) this.set({ state }, Number(count));
      },
    });

    // Both are filled by whichever is collected first; the other waits for it.
    const catchUp = finishedOperations(sources.database, ({ ofTenant, kind, status, sinceRequest }) => {
      operations.inc({ kind, status });
      if (ofTenant && kind === "provision" && status === "succeeded") provisioning.observe(sinceRequest);
    });
    const operations = new Counter({
      name: "odoosaas_operations_total",
      help: "Finished operations by kind and outcome, since this process began.",
      labelNames: ["kind", "status"],
      registers,
      collect: catchUp,
    });
    const provisioning = new Histogram({
      name: "odoosaas_provisioning_seconds",
      help: "Time from a tenant's request until it was proven ready, since this process began.",
      buckets: PROVISIONING_BUCKETS,
      registers,
      collect: catchUp,
    });

    new Gauge({
      name: "odoosaas_tunnel_health",
      help: "Tunnels by what the last probe through the edge saw: active, error, unknown (not looked at yet).",
      labelNames: ["state"],
      registers,
      collect() {
        const { total, active, error } = sources.tunnelHealth();
        this.set({ state: "active" }, active);
        this.set({ state: "error" }, error);
        this.set({ state: "unknown" }, Math.max(0, total - active - error));
      },
    });

    new Gauge({
      name: "odoosaas_tunnel_probe_latency_seconds",
      help: "Mean time of the last probes that got through.",
      registers,
      collect() {
        const { avg_latency_ms } = sources.tunnelHealth();
        if (avg_latency_ms !== null) this.set(avg_latency_ms / 1_000);
      },
    });

    cloudflareBudgetMetrics(registers, sources);

    new Gauge({
      name: "odoosaas_operator_tasks_open",
      help: "What waits for a person.",
      registers,
      async collect() {
        const { rows } = await sources.database.query<{ count: number }>(
          "select count(*)::int as count from operator_tasks where resolved_at is null",
        );
        this.set(rows[0]?.count ?? 0);
      },
    });
  }

  /** Times every request under its route's pattern, never its path: ids would make endless series. */
  readonly timeRequests: RequestHandler = (req, res, next) => {
    const stop = this.#http.startTimer();
    res.once("finish", () => {
      if (String(res.getHeader("content-type")).startsWith("text/event-stream")) return;
      const route = typeof res.locals["route"] === "string" ? (res.locals["route"].split(" ")[1] ?? "other") : "other";
      stop({ method: req.method, route, status: String(res.statusCode) });
    });
    next();
  };
}
