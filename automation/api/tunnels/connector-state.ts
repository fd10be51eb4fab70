import type { UnitStatus } from "../host/connector-units.ts";

export const CONNECTOR_STATES = [
  "running",
  "disconnected",
  "starting",
  "stopped",
  "failed",
  "missing",
  "unknown",
] as const;
export type ConnectorState = (typeof CONNECTOR_STATES)[number];

/**
 * One word for a connector, from what its host says; without the host, from whether Cloudflare sees connections.
 * `disconnected`: the service runs, but nothing is connected to Cloudflare.
 */
export function connectorState(unit: UnitStatus | undefined, connections: number | undefined): ConnectorState {
  if (unit === undefined) return connections !== undefined && connections > 0 ? "running" : "unknown";
  if (!unit.installed) return "missing";
  switch (unit.activeState) {
    case "active":
      return (unit.ready?.connections ?? connections ?? 0) > 0 ? "running" : "disconnected";
    case "activating":
    case "reloading":
      return "starting";
    case "failed":
      return "failed";
    default:
      return "stopped";
  }
}
