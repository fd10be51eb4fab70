import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import express from "express";
import { assignRequestId } from "../../../automation/api/http/request-id.ts";
import { traceRequests } from "../../../automation/api/http/tracing.ts";
import type { Database } from "../../../automation/db/database.ts";
import { Listener } from "../../../automation/db/listener.ts";
import { catchUp, type CaughtUp } from "../../../automation/stripe/catch-up.ts";
import { sweepClocks, type Sweep } from "../../../automation/stripe/clocks.ts";
import type { StripeDeps } from "../../../automation/stripe/deps.ts";
import { handleStripeEvent } from "../../../automation/stripe/handle-event.ts";
import { DEFAULT_POLICY, type Policy } from "../../../automation/stripe/policy.ts";
import { webhookRoute } from "../../../automation/stripe/webhook.ts";
import { DatabaseTenants } from "../../../automation/tenants/database-tenants.ts";
import type { PlatformSettings } from "../../../components/settings/platform-settings.ts";
import type { StripeConfig } from "../../../sandbox/stripe/config.ts";
import { examplePlatform } from "../../components/example-platform.ts";
import { openDatabase } from "../../database.ts";
import { startEmulator, WEBHOOK_SECRET, type Emulator } from "../../unit/stripe-emulator/emulator.ts";
import { QueueDouble } from "./queue-double.ts";

/** An emulated Stripe, a database, and the server's parts between them; jobs run when the test says so. */
export interface Shop {
  readonly stripe: Emulator;
  readonly database: Database;
  readonly tenants: DatabaseTenants;
  readonly deps: StripeDeps;
  /** As configured; a test may change it. */
  readonly platform: PlatformSettings;
  readonly queue: QueueDouble;
  /** Waits until Stripe has delivered everything, then runs all jobs, and those that they lead to. */
  readonly settle: () => Promise<void>;
  readonly catchUp: () => Promise<CaughtUp>;
  /** At most `atOnce` tenants. */
  readonly sweep: (atOnce?: number) => Promise<Sweep>;
  /** Moves Stripe's clock and the server's. */
  readonly days: (days: number) => Promise<void>;
  readonly tenant: (subscription: string) => Promise<TenantColumns | undefined>;
  readonly rows: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
}

export interface TenantColumns {
  readonly id: number;
  readonly subdomain: string;
  readonly plan_type: string;
  readonly customer_email: string;
  readonly customer_id: string;
  readonly client_reference_id: string | null;
  readonly settings: Record<string, unknown>;
  readonly wanted: string;
  readonly wanted_reason: string | null;
  readonly grace_until: Date | null;
  readonly delete_after: Date | null;
  readonly generation: number;
  readonly state: string;
}

export interface ShopSettings {
  policy?: Partial<Policy>;
  prices?: Record<string, string>;
  unknownPrices?: "task" | "ignore";
  platform?: Record<string, unknown>;
  stripe?: { [K in keyof StripeConfig]?: StripeConfig[K] | undefined };
}

/** On a database of its own; without a webhook nothing is delivered, and only `catchUp` learns of events. */
export async function openShop(t: Pick<TestContext, "after">, settings: ShopSettings = {}): Promise<Shop> {
  const database = await openDatabase(t);
  const queue = await QueueDouble.create(database);
  const app = express();
  app.use(assignRequestId, traceRequests, (_req, res, next) => {
    res.locals["route"] = "POST /webhook/stripe";
    next();
  });
  app.use(webhookRoute({ database, queue, settings: { webhookSecrets: [WEBHOOK_SECRET], livemode: false } }));
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook/stripe`;
  const stripe = await startEmulator(t, { webhook: { url, secret: WEBHOOK_SECRET }, ...settings.stripe });
  const platform = examplePlatform(settings.platform ?? {});
  const listener = new Listener(database.url);
  t.after(() => listener.close());
  const tenants = new DatabaseTenants({ db: database, queue, listener, platform: async () => platform });
  let ahead = 0;
  const deps: StripeDeps = {
    database,
    tenants,
    queue,
    stripe: stripe.stripe,
    settings: {
      prices: new Map(Object.entries(settings.prices ?? { price_starter: "starter", price_business: "business" })),
      unknownPrices: settings.unknownPrices ?? "task",
      policy: { ...DEFAULT_POLICY, ...settings.policy },
      livemode: false,
    },
    now: () => new Date(Date.now() + ahead),
  };
  const rows: Shop["rows"] = async (text, values = []) =>
    (await database.query<Record<string, unknown>>(text, values)).rows;
  return {
    stripe,
    database,
    tenants,
    deps,
    platform,
    queue,
    settle: async () => {
      await delivered(stripe);
      for (let jobs = await queue.take("stripe-event"); jobs.length > 0; jobs = await queue.take("stripe-event")) {
        for (const job of jobs) await handleStripeEvent(job, deps);
      }
    },
    catchUp: () => catchUp(deps),
    sweep: (atOnce) => sweepClocks(deps, atOnce),
    days: async (days) => {
      ahead += days * 86_400_000;
      await stripe.door("POST", "/clock", { days });
    },
    tenant: async (subscription) =>
      (
        await rows("select * from tenant_deployments where subscription_id = $1 order by id desc", [subscription])
      )[0] as TenantColumns | undefined,
    rows,
  };
}

/** Waits until no delivery is under way; held ones stay. */
export async function delivered(stripe: Emulator): Promise<void> {
  for (const deadline = Date.now() + 20_000; ; await setTimeout(10)) {
    const { deliveries } = await stripe.door<{ deliveries: { state: string; last: string | null }[] }>(
      "GET",
      "/deliveries",
    );
    const open = deliveries.filter(({ state }) => state === "pending");
    if (open.length === 0) return;
    if (Date.now() > deadline)
      throw new Error(`${open.length} deliveries were not made; the last answer was ${open[0]?.last ?? "none"}`);
  }
}
