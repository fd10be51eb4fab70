import type { Router } from "express";
import type { Logger } from "pino";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import type { Database } from "../db/database.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { TunnelHealth } from "../metrics/tunnel-health.ts";
import type { Queue } from "../queue/queue.ts";
import type { ReadinessCheck } from "../readiness.ts";
import type { Tenants } from "../tenants/tenants.ts";
import type { StandaloneTunnels } from "../tunnels/standalone-tunnels.ts";
import type { VerifyToken } from "./auth/tokens.ts";
import type { ConnectorUnits } from "./host/connector-units.ts";
import type { HostRoles } from "./host/host-roles.ts";
import type { StreamSlots } from "./http/event-stream.ts";
import type { ApiSettings } from "./settings.ts";
import type { SecretState } from "../secrets/live-secrets.ts";
import type { CloudflareTunnels } from "./tunnels/cloudflare-view.ts";

/** All that the API works with; `startApi` (start.ts) makes what is not the core's. */
export interface ApiDeps {
  readonly settings: Pick<
    ApiSettings,
    "trustProxy" | "corsOrigins" | "ratePerMinute" | "failedSignIns" | "requestTimeout" | "maxWait"
  >;
  readonly log: Logger;
  readonly database: Database;
  readonly tenants: Tenants;
  readonly queue: Queue;
  /** As the platform's stack says now. */
  readonly platform: () => PlatformSettings | Promise<PlatformSettings>;
  /** Full name of the platform's stack: `organization/odoosaas/prod`. */
  readonly platformStack: string;
  readonly verify: VerifyToken;
  readonly cloudflare: CloudflareTunnels;
  readonly connectors: Pick<ConnectorUnits, "status" | "restart" | "logs" | "follow">;
  readonly hostRoles: Pick<HostRoles, "rotate">;
  readonly standaloneTunnels: StandaloneTunnels;
  readonly metrics: Metrics;
  readonly tunnelHealth: TunnelHealth;
  readonly streams: StreamSlots;
  /** Absent: /api/secrets is 501. */
  readonly secrets?: { state(): readonly SecretState[]; reload(): Promise<void> } | undefined;
  /** POST /webhook/stripe: automation/stripe/webhook.ts. */
  readonly webhook: Router;
  /** Pages for people: mounted last, at the root. */
  readonly dashboard?: Router | undefined;
  /** What else must work before this process takes requests. */
  readonly readiness: readonly ReadinessCheck[];
  /** Aborted when the process stops: live streams end, /readyz says so. */
  readonly shutdown?: AbortSignal | undefined;
}
