import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { TunnelEdgeConfig } from "../config.ts";
import type { CloudflareWorld } from "../world/world.ts";
import { admit, type Preface, readPreface } from "./handshake.ts";
import type { ConnectionRegistry } from "./registry.ts";
import { TunnelConnection } from "./tunnel-connection.ts";

/** A connector's connections go to two places in turn, as to two of Cloudflare's data centres. */
const LOCATIONS = ["sbx01", "sbx02"] as const;

export interface TunnelEdge {
  port: number;
  close(): Promise<void>;
}

/** Where connectors dial in. One port, on every address of the configuration. */
export async function startTunnelEdge(
  world: CloudflareWorld,
  registry: ConnectionRegistry,
  config: TunnelEdgeConfig,
): Promise<TunnelEdge> {
  const sockets = new Set<Socket>();
  const welcome = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true).on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
    receive(world, registry, socket).catch(() => socket.destroy());
  };
  const servers: Server[] = [];
  let { port } = config;
  for (const address of config.addresses) {
    const server = createServer(welcome).listen(port, address);
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
    servers.push(server);
  }
  world.tunnels.events.on("configured", (tunnel) => {
    for (const connection of registry.all(tunnel.id)) connection.configure(tunnel).catch(() => connection.destroy());
  });
  return {
    port,
    async close() {
      registry.closeAll();
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
    },
  };
}

/** From the first line to a connection that visitors are sent to. */
async function receive(world: CloudflareWorld, registry: ConnectionRegistry, socket: Socket): Promise<void> {
  const first = await readPreface(socket);
  if (first === undefined) return void socket.destroy();
  const preface = admit(world, first);
  if ("refused" in preface) return void socket.end(`${JSON.stringify({ ok: false, error: preface.refused })}\n`);

  const info = infoOf(world, preface, socket);
  const { id: connectionId, location, tunnelId } = info;
  socket.write(`${JSON.stringify({ ok: true, connectionId, location })}\n`);
  const connection = new TunnelConnection(socket, info, () => registry.remove(connection));
  // A version that comes while an older one is on its way must not be missed.
  let tunnel;
  do {
    tunnel = world.tunnels.existing(tunnelId);
    await connection.configure(tunnel);
  } while (world.tunnels.get(tunnelId).configuration?.version !== tunnel.configuration?.version);
  if (socket.destroyed || world.tunnels.get(tunnelId).deletedAt !== null) return connection.destroy();
  registry.add(connection);
  connection.control(() => {
    registry.remove(connection);
    connection.drain();
  });
}

function infoOf(world: CloudflareWorld, preface: Preface, socket: Socket) {
  return {
    id: randomUUID(),
    tunnelId: preface.tunnelId,
    clientId: preface.clientId,
    clientVersion: preface.clientVersion,
    arch: preface.arch,
    index: preface.connIndex,
    location: LOCATIONS[preface.connIndex % LOCATIONS.length] ?? LOCATIONS[0],
    originIp: (socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
    openedAt: new Date(world.now()).toISOString(),
    configVersion: -1,
  };
}
