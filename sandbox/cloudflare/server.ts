import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createApi } from "./api/app.ts";
import type { CallCounts } from "./api/calls.ts";
import type { Faults } from "./api/faults.ts";
import type { CloudflareConfig, EdgeConfig, TunnelEdgeConfig } from "./config.ts";
import { ConnectionRegistry } from "./edge/registry.ts";
import { startTunnelEdge } from "./edge/tunnel-edge.ts";
import { startVisitorEdge } from "./edge/visitors.ts";
import { CloudflareWorld } from "./world/world.ts";

/** What `startCloudflare` has started. */
export interface Cloudflare {
  /** As chosen, where the configuration said 0. */
  ports: { api: number; edge: number; tunnelEdge: number };
  world: CloudflareWorld;
  faults: Faults;
  calls: CallCounts;
  close(): Promise<void>;
}

/**
 * Starts the emulated API (on 127.0.0.1), the edge for visitors and the edge for connectors.
 *
 * @param options.now the clock, milliseconds since 1970; default the machine's
 */
export async function startCloudflare(
  config: { cloudflare: CloudflareConfig; edge: EdgeConfig; tunnelEdge: TunnelEdgeConfig },
  options: { now?: () => number } = {},
): Promise<Cloudflare> {
  const registry = new ConnectionRegistry();
  const world = new CloudflareWorld(config.cloudflare, registry, options.now ?? Date.now);
  registry.events.on("connected", (tunnelId) => world.tunnels.connected(tunnelId));
  registry.events.on("disconnected", (tunnelId) => world.tunnels.disconnected(tunnelId));
  const { app, faults, calls } = createApi(world, config.cloudflare);
  const stops: (() => Promise<void> | void)[] = [() => world.close()];
  const close = async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  };
  try {
    const tunnelEdge = await startTunnelEdge(world, registry, config.tunnelEdge);
    stops.push(() => tunnelEdge.close());
    const visitorEdge = await startVisitorEdge(world, registry, config.edge);
    stops.push(() => visitorEdge.close());
    const api = createServer(app).listen(config.cloudflare.port, "127.0.0.1");
    await once(api, "listening");
    stops.push(async () => {
      api.closeAllConnections();
      await new Promise((closed) => api.close(closed));
    });
    const ports = { api: (api.address() as AddressInfo).port, edge: visitorEdge.port, tunnelEdge: tunnelEdge.port };
    return { ports, world, faults, calls, close };
  } catch (error) {
    await close();
    throw error;
  }
}
