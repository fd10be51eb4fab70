import { Router } from "express";
import { z } from "zod";
import type { Tunnel } from "../world/tunnels.ts";
import type { CloudflareWorld } from "../world/world.ts";
import { permit } from "./authentication.ts";
import { answer } from "./envelope.ts";
import { checkIdentifiers } from "./identifiers.ts";

const ConfigurationBody = z.object({ config: z.unknown(), source: z.enum(["local", "cloudflare"]).optional() });

/** The configuration of a remotely managed tunnel. */
export function tunnelConfigurationRoutes(world: CloudflareWorld): Router {
  const router = Router();
  checkIdentifiers(router, world);
  const path = "/accounts/:account/cfd_tunnel/:tunnel/configurations";

  router.get(path, permit("tunnel:read"), (req, res) => {
    answer(res, configurationView(world, world.tunnels.existing(req.params.tunnel)));
  });
  router.put(path, permit("tunnel:edit"), (req, res) => {
    const { config } = ConfigurationBody.parse(req.body);
    answer(res, configurationView(world, world.tunnels.configure(req.params.tunnel, config)));
  });
  return router;
}

/** The config comes back as it was given, without defaults: clients compare it. */
function configurationView(world: CloudflareWorld, tunnel: Tunnel) {
  return {
    account_id: world.accountId,
    tunnel_id: tunnel.id,
    version: tunnel.configuration?.version ?? 0,
    config: tunnel.configuration?.config ?? null,
    source: tunnel.configSource,
    created_at: tunnel.configuration?.createdAt ?? tunnel.createdAt,
  };
}
