import { Gauge, type Registry } from "prom-client";
import type { BudgetUse } from "../cloudflare/budget.ts";
import type { Queryable } from "../db/database.ts";

export interface CloudflareBudgetSources {
  readonly database: Queryable;
  readonly cloudflare: () => Promise<BudgetUse>;
}

const DELAYED = `
  select count(*)::int as count from tenant_deployments
  where state_reason = 'cloudflare-limit' and retry_at > now() and observed_generation < generation`;

/** How near the platform is to Cloudflare's limit of API calls, and who waits because of it. */
export function cloudflareBudgetMetrics(
  registers: Registry[],
  { database, cloudflare }: CloudflareBudgetSources,
): void {
  new Gauge({
    name: "odoosaas_cloudflare_calls",
    help: "Calls of Cloudflare's API in the window, by purpose; those of runs under way as reserved.",
    labelNames: ["purpose"],
    registers,
    async collect() {
      const { calls } = await cloudflare();
      this.reset();
      for (const [purpose, count] of Object.entries(calls)) this.set({ purpose }, count);
    },
  });

  new Gauge({
    name: "odoosaas_cloudflare_calls_limit",
    help: "Calls that all processes together may make in a window (CLOUDFLARE_CALLS).",
    registers,
    async collect() {
      this.set((await cloudflare()).limit);
    },
  });

  new Gauge({
    name: "odoosaas_cloudflare_pause_seconds",
    help: "For how long Cloudflare still refuses every call (429); 0 when it does not.",
    registers,
    async collect() {
      this.set((await cloudflare()).pausedMs / 1_000);
    },
  });

  new Gauge({
    name: "odoosaas_cloudflare_delayed_tenants",
    help: "Tenants that wait for room in the budget, or for the end of a pause.",
    registers,
    async collect() {
      this.set((await database.query<{ count: number }>(DELAYED)).rows[0]?.count ?? 0);
    },
  });
}
