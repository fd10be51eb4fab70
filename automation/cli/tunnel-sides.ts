import { facts } from "./terminal.ts";

/** GET /api/tunnels/{id}/status, as far as it is shown. */
export interface TunnelSides {
  readonly tunnel_name: string;
  readonly tunnel_id: string | null;
  readonly url: string;
  readonly service: string;
  readonly status: string;
  readonly cloudflare: CloudflareSide | Unreachable;
  readonly host: HostSide | Unreachable;
  readonly last_probe: { ok: boolean; at: string; latency_ms: number; problem: string | null } | null;
}

interface Unreachable {
  readonly problem: string;
}

interface CloudflareSide {
  readonly status: string;
  readonly connectors: readonly {
    readonly version: string | null;
    readonly since: string | null;
    readonly connections: readonly { readonly colo: string }[];
  }[];
}

interface HostSide {
  readonly container_id: number;
  readonly address: string;
  readonly installed: boolean;
  readonly active_state: string;
  readonly sub_state: string;
  readonly enabled: boolean;
  readonly since: string | null;
  readonly restarts: number;
  readonly ready: { readonly connections: number } | null;
}

/** Both sides of a tunnel, each on lines that can be read at a glance. */
export function tunnelSides(answer: TunnelSides): string {
  const { cloudflare, host, last_probe: probe } = answer;
  return facts({
    tunnel: answer.tunnel_name,
    "cloudflare id": answer.tunnel_id,
    url: answer.url,
    service: answer.service,
    status: answer.status,
    cloudflare: "problem" in cloudflare ? cloudflare.problem : cloudflareSide(cloudflare),
    host: "problem" in host ? host.problem : hostSide(host),
    "last probe": probe && `${probe.problem ?? (probe.ok ? `good, ${probe.latency_ms} ms` : "failed")}, ${probe.at}`,
  });
}

function cloudflareSide({ status, connectors }: CloudflareSide): string {
  const each = connectors.map(({ version, since, connections }) => {
    const colos = [...new Set(connections.map(({ colo }) => colo))].join(", ");
    return `${count(connections.length, "connection")} (${colos}) of version ${version ?? "unknown"} since ${since ?? "unknown"}`;
  });
  return [status, ...(each.length === 0 ? ["no connector"] : each)].join("; ");
}

function hostSide(host: HostSide): string {
  const where = `on ${host.container_id} (${host.address})`;
  if (!host.installed) return `no such service ${where}`;
  const since = host.since === null ? "" : ` since ${host.since}`;
  const notes = [
    count(host.restarts, "restart"),
    host.enabled ? undefined : "not enabled: gone after a reboot",
    host.ready === null ? "/ready does not answer" : `/ready: ${count(host.ready.connections, "connection")}`,
  ];
  return `${host.active_state} (${host.sub_state}) ${where}${since}; ${notes.filter((note) => note !== undefined).join("; ")}`;
}

function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? "" : "s"}`;
}
