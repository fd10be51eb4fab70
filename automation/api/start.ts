import type { Router } from "express";
import type { Logger } from "pino";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import type { CloudflareBudget } from "../cloudflare/budget.ts";
import type { Database } from "../db/database.ts";
import { edgeProbe } from "../metrics/edge-probe.ts";
import { Metrics } from "../metrics/metrics.ts";
import { probeTargets } from "../metrics/probe-targets.ts";
import { recordActivity } from "../metrics/tunnel-activity.ts";
import { TunnelHealth } from "../metrics/tunnel-health.ts";
import type { Queue } from "../queue/queue.ts";
import type { ReadinessCheck } from "../readiness.ts";
import type { Tenants } from "../tenants/tenants.ts";
import type { StandaloneTunnels } from "../tunnels/standalone-tunnels.ts";
import { createApp } from "./app.ts";
import { tokenVerifier } from "./auth/tokens.ts";
import type { ApiDeps } from "./deps.ts";
import { ConnectorUnits } from "./host/connector-units.ts";
import { HostRoles } from "./host/host-roles.ts";
import { HostShell } from "./host/host-shell.ts";
import { StreamSlots } from "./http/event-stream.ts";
import { loggedError } from "./http/logging.ts";
import { listen } from "./listen.ts";
import type { ApiSettings } from "./settings.ts";
import { cloudflareTunnels } from "./tunnels/cloudflare-view.ts";

export interface ApiParts {
  readonly settings: ApiSettings;
  /** `host:port` that probes connect to instead of looking names up in DNS (EDGE_ADDRESS). */
  readonly edgeAddress?: string | undefined;
  readonly log: Logger;
  readonly database: Database;
  readonly tenants: Tenants;
  readonly queue: Queue;
  readonly cloudflareBudget: CloudflareBudget;
  readonly platform: () => PlatformSettings | Promise<PlatformSettings>;
  readonly platformStack: string;
  readonly standaloneTunnels: StandaloneTunnels;
  readonly webhook: Router;
  readonly secrets: NonNullable<ApiDeps["secrets"]> & { readonly jwt: readonly string[] };
  /** Made with what the API has: pages show the same figures and check the same tokens. */
  readonly dashboard?: ((deps: ApiDeps) => Router) | undefined;
  /** What must work before this process is sent requests. */
  readonly readiness: readonly ReadinessCheck[];
}

export interface RunningApi {
  readonly url: string;
  /** /readyz turns 503, live streams end, running requests are given `withinMs`, then everything is closed. */
  stop(withinMs?: number): Promise<void>;
}

/** Starts the role `api`: the server, and the probes that feed its figures. Throws SettingsError for a wrong address or certificate. */
export async function startApi(parts: ApiParts): Promise<RunningApi> {
  const { settings, log, platform, tenants } = parts;
  const shutdown = new AbortController();
  const probe = edgeProbe({ edgeAddress: parts.edgeAddress });
  const tunnelHealth = new TunnelHealth({
    targets: async () => probeTargets(tenants, parts.standaloneTunnels, await platform()),
    probe,
    onSeen: (target, result) => recordActivity(parts.database, target, result, (line) => log.warn(line)),
    every: settings.probeEvery * 1_000,
    onError: (error) => log.warn({ err: loggedError(error) }, "tunnels could not be probed"),
  });
  const shell = new HostShell(async () => (await platform()).sshPrivateKey);
  const deps: ApiDeps = {
    ...parts,
    dashboard: undefined,
    verify: tokenVerifier({
      ...settings.tokens,
      get secrets() {
        return parts.secrets.jwt;
      },
    }),
    cloudflare: cloudflareTunnels(platform, parts.cloudflareBudget),
    connectors: new ConnectorUnits(shell),
    hostRoles: new HostRoles(shell),
    metrics: new Metrics({
      database: parts.database,
      tenants,
      queue: parts.queue,
      tunnelHealth: () => tunnelHealth.summary(),
      cloudflare: async () => parts.cloudflareBudget.use((await platform()).cloudflare.accountId),
    }),
    tunnelHealth,
    streams: new StreamSlots(),
    shutdown: shutdown.signal,
  };
  const app = createApp({ ...deps, dashboard: parts.dashboard?.(deps) });
  const server = await listen(app, settings.listen, (line) => log.info(line));
  tunnelHealth.start();
  log.info({ url: server.url }, "API listens");
  return {
    url: server.url,
    async stop(withinMs = 10_000) {
      shutdown.abort();
      await server.close(withinMs);
      await tunnelHealth.stop();
      probe.close();
      await shell.close();
    },
  };
}
