import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { EdgeConfig } from "../config.ts";
import type { CloudflareWorld } from "../world/world.ts";
import { answerError } from "./error-page.ts";
import type { Visitor } from "./headers.ts";
import { passOn } from "./pass-on.ts";
import type { ConnectionRegistry } from "./registry.ts";
import { route } from "./routing.ts";
import { passWebSocketOn, responseOn } from "./web-socket.ts";

export interface VisitorEdge {
  port: number;
  close(): Promise<void>;
}

/** Where visitors come in, by plain HTTP; the Host header decides where they go. */
export async function startVisitorEdge(
  world: CloudflareWorld,
  registry: ConnectionRegistry,
  config: EdgeConfig,
): Promise<VisitorEdge> {
  const server = createServer({
    requestTimeout: 0, // uploads may take long
    headersTimeout: 60_000,
    keepAliveTimeout: 75_000,
    noDelay: true,
    // Others (h2c) are answered as if they had not asked.
    shouldUpgradeCallback: (req) => req.headers.upgrade?.toLowerCase() === "websocket",
  });
  server.on("request", (req, res) => {
    const visitor = visitorOf(req);
    const way = route(world, visitor.host);
    if (way.kind === "error") return answerError(res, way.code, visitor.ray);
    if (!isPassable(visitor)) return answerError(res, 400, visitor.ray);
    const timeoutMs = config.originTimeoutSeconds * 1_000;
    passOn({ registry, tunnelId: way.tunnelId, visitor, req, res, timeoutMs });
  });
  server.on("upgrade", (req, stream, head) => {
    const socket = stream as Socket;
    const visitor = visitorOf(req);
    const way = route(world, visitor.host);
    if (way.kind === "error") return answerError(responseOn(req, socket), way.code, visitor.ray);
    if (!isPassable(visitor)) return answerError(responseOn(req, socket), 400, visitor.ray);
    passWebSocketOn(registry, way.tunnelId, visitor, req, socket, head);
  });
  server.listen(config.port, config.address);
  await once(server, "listening");
  const upgraded = new Set<Socket>();
  server.on("upgrade", (_req, stream) => {
    const socket = stream as Socket;
    upgraded.add(socket);
    socket.once("close", () => upgraded.delete(socket));
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function visitorOf(req: IncomingMessage): Visitor {
  return {
    rawHeaders: req.rawHeaders,
    method: req.method ?? "GET",
    url: req.url ?? "/",
    host: req.headers.host ?? "",
    address: (req.socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
    ray: `${randomBytes(8).toString("hex")}-SBX`,
  };
}

/** HTTP/2 has no absolute-form targets, and a connector takes no path with a broken escape. */
function isPassable(visitor: Visitor): boolean {
  return visitor.url.startsWith("/") && !/%(?![0-9a-f]{2})/i.test(visitor.url.split("?")[0] ?? "");
}
