import { Router } from "express";
import { z } from "zod";
import type { Tunnel } from "../world/tunnels.ts";
import type { CloudflareWorld } from "../world/world.ts";
import { permit } from "./authentication.ts";
import { answer, answerPage, pageQuery, readQuery } from "./envelope.ts";
import { checkIdentifiers } from "./identifiers.ts";
import { connectionView } from "./tunnel-connections.ts";

const CreateBody = z.object({
  name: z.string().min(1),
  config_src: z.enum(["local", "cloudflare"]).default("local"),
  tunnel_secret: z.string().optional(),
});
const EditBody = z.object({ name: z.string().min(1).optional(), tunnel_secret: z.string().optional() });
const ListQuery = z.strictObject({
  ...pageQuery(1_000),
  name: z.string().optional(),
  is_deleted: z.stringbool().optional(),
  uuid: z.string().optional(),
  status: z.enum(["inactive", "degraded", "healthy", "down"]).optional(),
  include_prefix: z.string().optional(),
  exclude_prefix: z.string().optional(),
  existed_at: z.iso.datetime({ offset: true }).optional(),
});
const DeleteQuery = z.object({ cascade: z.stringbool().optional() });

/** https://developers.cloudflare.com/api/resources/zero_trust/subresources/tunnels/subresources/cloudflared/ */
export function tunnelRoutes(world: CloudflareWorld): Router {
  const { tunnels } = world;
  const router = Router();
  checkIdentifiers(router, world);

  router.get("/accounts/:account/cfd_tunnel", permit("tunnel:read"), (req, res) => {
    const query = readQuery(ListQuery, req.query);
    const found = tunnels.all().filter((tunnel) => matches(world, tunnel, query));
    answerPage(
      res,
      found.map((tunnel) => tunnelView(world, tunnel)),
      query,
      20,
    );
  });
  router.post("/accounts/:account/cfd_tunnel", permit("tunnel:edit"), (req, res) => {
    const body = CreateBody.parse(req.body);
    const tunnel = tunnels.create({ name: body.name, configSource: body.config_src, secret: body.tunnel_secret });
    answer(res, { ...tunnelView(world, tunnel), token: tunnels.token(tunnel.id) });
  });
  // A deleted tunnel is still answered, with its time of deletion.
  router.get("/accounts/:account/cfd_tunnel/:tunnel", permit("tunnel:read"), (req, res) => {
    answer(res, tunnelView(world, tunnels.get(req.params.tunnel)));
  });
  router.patch("/accounts/:account/cfd_tunnel/:tunnel", permit("tunnel:edit"), (req, res) => {
    const body = EditBody.parse(req.body);
    answer(res, tunnelView(world, tunnels.update(req.params.tunnel, { name: body.name, secret: body.tunnel_secret })));
  });
  router.delete("/accounts/:account/cfd_tunnel/:tunnel", permit("tunnel:edit"), (req, res) => {
    const { cascade } = readQuery(DeleteQuery, req.query);
    answer(res, tunnelView(world, tunnels.delete(req.params.tunnel, cascade ?? false)));
  });
  router.get("/accounts/:account/cfd_tunnel/:tunnel/token", permit("tunnel:edit"), (req, res) => {
    answer(res, tunnels.token(req.params.tunnel));
  });
  return router;
}

/** Without `is_deleted` the list holds deleted tunnels too. */
function matches(world: CloudflareWorld, tunnel: Tunnel, query: z.infer<typeof ListQuery>): boolean {
  const existed = query.existed_at === undefined ? undefined : Date.parse(query.existed_at);
  return (
    (query.name === undefined || tunnel.name === query.name) &&
    (query.uuid === undefined || tunnel.id === query.uuid) &&
    (query.is_deleted === undefined || (tunnel.deletedAt !== null) === query.is_deleted) &&
    (query.status === undefined || world.tunnels.status(tunnel) === query.status) &&
    (query.include_prefix === undefined || tunnel.name.startsWith(query.include_prefix)) &&
    (query.exclude_prefix === undefined || !tunnel.name.startsWith(query.exclude_prefix)) &&
    (existed === undefined ||
      (Date.parse(tunnel.createdAt) <= existed &&
        (tunnel.deletedAt === null || Date.parse(tunnel.deletedAt) > existed)))
  );
}

function tunnelView(world: CloudflareWorld, tunnel: Tunnel) {
  return {
    id: tunnel.id,
    account_tag: world.accountId,
    created_at: tunnel.createdAt,
    deleted_at: tunnel.deletedAt,
    name: tunnel.name,
    connections: world.connections.of(tunnel.id).map(connectionView),
    conns_active_at: world.tunnels.activeSince(tunnel.id),
    conns_inactive_at: tunnel.inactiveSince,
    tun_type: "cfd_tunnel",
    metadata: {},
    status: world.tunnels.status(tunnel),
    remote_config: tunnel.configSource === "cloudflare",
    config_src: tunnel.configSource,
  };
}
