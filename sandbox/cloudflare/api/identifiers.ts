import type { Router } from "express";
import { ApiError } from "../world/api-error.ts";
import type { CloudflareWorld } from "../world/world.ts";

const FORMS: Readonly<Record<string, RegExp>> = {
  account: /^[0-9a-f]{32}$/,
  zone: /^[0-9a-f]{32}$/,
  record: /^[0-9a-f]{32}$/,
  tunnel: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  connector: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
};

/** Ids in paths: a malformed one is no route (7003); another's account is refused (10000). */
export function checkIdentifiers(router: Router, world: CloudflareWorld): void {
  for (const [name, form] of Object.entries(FORMS))
    router.param(name, (req, _res, next, id: string) => {
      if (!form.test(id))
        throw new ApiError(
          404,
          7003,
          `Could not route to ${req.originalUrl.split("?")[0]}, perhaps your object identifier is invalid?`,
        );
      if (name === "account" && id !== world.accountId) throw new ApiError(403, 10_000, "Authentication error");
      next();
    });
}
