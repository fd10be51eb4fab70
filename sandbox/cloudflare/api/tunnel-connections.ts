import { Router } from "express";
import { z } from "zod";
import { ApiError } from "../world/api-error.ts";
import type { LiveConnection } from "../world/live-connections.ts";
import type { CloudflareWorld } from "../world/world.ts";
import { permit } from "./authentication.ts";
import { answer, readQuery } from "./envelope.ts";
import { checkIdentifiers } from "./identifiers.ts";

/** A connection as the API shows it. */
export function connectionView(connection: LiveConnection) {
  return {
    colo_name: connection.location,
    uuid: connection.id,
    id: connection.id,
    is_pending_reconnect: false,
    origin_ip: connection.originIp,
    opened_at: connection.openedAt,
    client_id: connection.clientId,
    client_version: connection.clientVersion,
  };
}

const CleanUpQuery = z.strictObject({ client_id: z.uuid().optional() });

/** Connectors and their connections; closing them. */
export function tunnelConnectionRoutes(world: CloudflareWorld): Router {
  const router = Router();
  checkIdentifiers(router, world);
  const path = "/accounts/:account/cfd_tunnel/:tunnel";

  router.get(`${path}/connections`, permit("tunnel:read"), (req, res) => {
    world.tunnels.get(req.params.tunnel);
    answer(res, connectors(world, req.params.tunnel));
  });
  router.get(`${path}/connectors/:connector`, permit("tunnel:read"), (req, res) => {
    world.tunnels.get(req.params.tunnel);
    const found = connectors(world, req.params.tunnel).find((connector) => connector.id === req.params.connector);
    if (!found) throw new ApiError(404, 1003, "Connector not found");
    answer(res, found);
  });
  // A connector that still runs comes back: stop it first.
  router.delete(`${path}/connections`, permit("tunnel:edit"), (req, res) => {
    const { client_id } = readQuery(CleanUpQuery, req.query);
    world.tunnels.get(req.params.tunnel);
    world.connections.close(req.params.tunnel, client_id);
    answer(res, {});
  });
  return router;
}

function connectors(world: CloudflareWorld, tunnelId: string) {
  const perConnector = Map.groupBy(world.connections.of(tunnelId), (connection) => connection.clientId);
  return [...perConnector].map(([id, connections]) => {
    const [oldest] = connections.toSorted((a, b) => a.openedAt.localeCompare(b.openedAt));
    return {
      id,
      features: ["serialized_headers", "support_datagram_v2"],
      version: oldest?.clientVersion,
      arch: oldest?.arch,
      run_at: oldest?.openedAt,
      config_version: Math.max(...connections.map((connection) => connection.configVersion)),
      conns: connections.map(connectionView),
    };
  });
}
