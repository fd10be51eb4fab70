import { Router } from "express";
import type { CloudflareWorld } from "../world/world.ts";
import { principalOf } from "./authentication.ts";
import { answer } from "./envelope.ts";
import { checkIdentifiers } from "./identifiers.ts";

/** https://developers.cloudflare.com/api/resources/user/subresources/tokens/methods/verify/ */
export function tokenRoutes(world: CloudflareWorld): Router {
  const router = Router();
  checkIdentifiers(router, world);
  router.get(["/user/tokens/verify", "/accounts/:account/tokens/verify"], (req, res) => {
    const message = { code: 10_000, message: "This API Token is valid and active" };
    answer(res, { id: principalOf(req).id, status: "active" }, [message]);
  });
  return router;
}
