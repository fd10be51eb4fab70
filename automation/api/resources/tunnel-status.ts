import { z } from "zod";
import { recordAudit } from "../../audit/record.ts";
import { TunnelIsDeleted } from "../../tunnels/errors.ts";
import type { ApiDeps } from "../deps.ts";
import type { UnitStatus } from "../host/connector-units.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { ApiError } from "../problem.ts";
import type { CloudflareView } from "../tunnels/cloudflare-view.ts";
import { CONNECTOR_STATES, connectorState } from "../tunnels/connector-state.ts";
import { hostOf, type KnownTunnel, knownTunnel } from "../tunnels/tunnel-lookup.ts";
import { iso, NullableTimestamp, Timestamp } from "./fields.ts";
import { TunnelId } from "./tunnel-shapes.ts";

const Unreachable = z.object({ problem: z.string() }).meta({ description: "Why this side could not be asked." });

const CloudflareSide = z.object({
  status: z
    .enum(["healthy", "degraded", "inactive", "down", "deleted", "unknown"])
    .meta({ description: "Cloudflare's word; `unknown`: it knows no such tunnel." }),
  created_at: z.string().nullable(),
  connectors: z.array(
    z.object({
      id: z.string(),
      version: z.string().nullable(),
      since: z.string().nullable(),
      connections: z.array(
        z.object({ id: z.string(), colo: z.string(), since: z.string().nullable(), origin_ip: z.string().nullable() }),
      ),
    }),
  ),
});

const HostSide = z.object({
  container_id: z.int(),
  address: z.string(),
  installed: z.boolean(),
  active_state: z.string(),
  sub_state: z.string(),
  enabled: z.boolean(),
  since: NullableTimestamp,
  restarts: z.int(),
  pid: z.int().nullable(),
  ready: z.object({ connections: z.int(), connector_id: z.string().nullable() }).nullable(),
});

const StatusBody = z
  .object({
    success: z.literal(true),
    tunnel_id: z.string().nullable(),
    tunnel_name: z.string().meta({ example: "acme-tunnel" }),
    service: z.string().meta({ example: "cloudflared-acme-tunnel" }),
    active: z.boolean().meta({ description: "The service runs and is connected." }),
    status: z.enum(CONNECTOR_STATES).meta({ example: "running" }),
    url: z.string(),
    cloudflare: z.union([CloudflareSide, Unreachable]),
    host: z.union([HostSide, Unreachable]),
    last_probe: z
      .object({ ok: z.boolean(), at: Timestamp, latency_ms: z.number(), problem: z.string().nullable() })
      .nullable()
      .meta({ description: "What the last probe through the edge saw." }),
  })
  .meta({ id: "TunnelStatus" });

const RestartBody = z
  .object({
    success: z.literal(true),
    tunnel_name: z.string(),
    service: z.string(),
    active: z.boolean(),
    status: z.enum(CONNECTOR_STATES),
    connections: z.int(),
    since: NullableTimestamp,
    seconds: z.number().meta({ description: "From the request until it was connected." }),
  })
  .meta({ id: "TunnelRestart" });

const status = endpoint({
  route: "GET /api/tunnels/{id}/status",
  tag: "Tunnels",
  summary: "Ask both sides of a tunnel",
  description:
    "Cloudflare's connections, and the service on the host. A side that does not answer says so in its place.",
  params: TunnelId,
  responses: { 200: { description: "What both sides say now.", schema: StatusBody } },
});

const restart = endpoint({
  route: "POST /api/tunnels/{id}/restart",
  tag: "Tunnels",
  summary: "Restart a tunnel's connector",
  description: "Answers once it is connected again, at most 80 s later. Visitors see errors meanwhile.",
  params: TunnelId,
  responses: { 200: { description: "Connected again.", schema: RestartBody } },
});

export const tunnelStatusEndpoints = [status, restart];

export function tunnelStatusRoutes(deps: ApiDeps): BoundEndpoint[] {
  return [
    bind(status, async ({ params, signal }) => {
      const tunnel = await knownTunnel(deps, params.id);
      const [cloudflare, unit] = await Promise.all([
        settled(cloudflareSide(deps, tunnel, signal), signal),
        settled(unitStatus(deps, tunnel, signal), signal),
      ]);
      const connections =
        "value" in cloudflare
          ? (cloudflare.value?.connectors.reduce((sum, { connections: open }) => sum + open.length, 0) ?? 0)
          : undefined;
      const state = connectorState("value" in unit ? unit.value.status : undefined, connections);
      const probe = deps.tunnelHealth.lastSeen(tunnel.name);
      return {
        status: 200,
        body: {
          success: true,
          tunnel_id: tunnel.tunnelId,
          tunnel_name: tunnel.name,
          service: tunnel.service,
          active: state === "running",
          status: state,
          url: tunnel.url,
          cloudflare: "value" in cloudflare ? cloudflareBody(cloudflare.value) : cloudflare,
          host: "value" in unit ? hostBody(unit.value) : unit,
          last_probe:
            probe === undefined
              ? null
              : { ok: probe.ok, at: iso(probe.at), latency_ms: probe.ms, problem: probe.problem ?? null },
        },
      };
    }),

    bind(restart, async ({ params, by, requestId, allow, signal }) => {
      const tunnel = await knownTunnel(deps, params.id);
      if (tunnel.wanted === "deleted") throw new TunnelIsDeleted(tunnel.name); // its unit may go any moment
      const host = hostOf(tunnel, await deps.platform());
      allow(100);
      const began = performance.now();
      const audited = (action: string, after: Readonly<Record<string, string>>): Promise<void> =>
        deps.database.transaction((tx) =>
          recordAudit(tx, {
            actor: by.name,
            source: by.source,
            requestId,
            action,
            subjectType: "tunnel",
            subjectId: tunnel.name,
            after: { service: tunnel.service, ...after },
          }),
        );
      await audited("tunnel.restart", {}); // before: nothing is restarted without its line, however it ends
      const unit = await deps.connectors.restart(host, tunnel.service, signal).catch(async (error: unknown) => {
        await audited("tunnel.restart-failed", { problem: error instanceof ApiError ? error.kind : "unexpected" });
        throw error;
      });
      const state = connectorState(unit, undefined);
      await audited("tunnel.restarted", { status: state });
      return {
        status: 200,
        body: {
          success: true,
          tunnel_name: tunnel.name,
          service: tunnel.service,
          active: state === "running",
          status: state,
          connections: unit.ready?.connections ?? 0,
          since: iso(unit.since),
          seconds: Math.round(performance.now() - began) / 1_000,
        },
      };
    }),
  ];
}

/** One side that cannot be asked leaves the other's answer standing. */
async function settled<T>(asked: Promise<T>, signal: AbortSignal): Promise<{ value: T } | { problem: string }> {
  try {
    return { value: await asked };
  } catch (error) {
    if (signal.aborted || !(error instanceof ApiError)) throw error;
    return { problem: error.message };
  }
}

function cloudflareSide(deps: ApiDeps, tunnel: KnownTunnel, signal: AbortSignal): Promise<CloudflareView | undefined> {
  return deps.cloudflare({ id: tunnel.tunnelId, name: tunnel.name }, signal);
}

interface HostView {
  readonly id: number;
  readonly address: string;
  readonly status: UnitStatus;
}

async function unitStatus(deps: ApiDeps, tunnel: KnownTunnel, signal: AbortSignal): Promise<HostView> {
  const host = hostOf(tunnel, await deps.platform());
  return { id: host.id, address: host.address, status: await deps.connectors.status(host, tunnel.service, signal) };
}

function cloudflareBody(view: CloudflareView | undefined): z.infer<typeof CloudflareSide> {
  if (view === undefined) return { status: "unknown", created_at: null, connectors: [] };
  return {
    status: view.status,
    created_at: view.createdAt,
    connectors: view.connectors.map(({ id, version, since, connections }) => ({
      id,
      version,
      since,
      connections: connections.map(({ id: connection, colo, since: opened, originIp }) => ({
        id: connection,
        colo,
        since: opened,
        origin_ip: originIp,
      })),
    })),
  };
}

function hostBody({ id, address, status: unit }: HostView): z.infer<typeof HostSide> {
  return {
    container_id: id,
    address,
    installed: unit.installed,
    active_state: unit.activeState,
    sub_state: unit.subState,
    enabled: unit.enabled,
    since: iso(unit.since),
    restarts: unit.restarts,
    pid: unit.pid,
    ready: unit.ready === null ? null : { connections: unit.ready.connections, connector_id: unit.ready.connectorId },
  };
}
