import { createHash, timingSafeEqual } from "node:crypto";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { CloudflareConfig, Permission } from "../config.ts";
import { ApiError } from "../world/api-error.ts";

/** Who is calling. */
export interface Principal {
  /** Not the secret: 32 hex digits that stand for it. */
  id: string;
  may(permission: Permission): boolean;
}

/** By the request. */
const principals = new WeakMap<object, Principal>();

/** Throws when the request has not passed `authenticate`. */
export function principalOf(req: Pick<Request, "path">): Principal {
  const principal = principals.get(req);
  if (!principal) throw new Error(`${req.path} was reached without authentication`);
  return principal;
}

/**
 * Bearer token, or X-Auth-Key with X-Auth-Email. Codes: 9106 nothing given, 6003 no token by its form, 9109 an unknown
 * token (1000 where tokens are verified), 9103 an unknown key.
 */
export function authenticate(config: Pick<CloudflareConfig, "tokens" | "apiKeys">): RequestHandler {
  return (req, _res, next) => {
    principals.set(req, identify(req, config));
    next();
  };
}

function identify(req: Request, config: Pick<CloudflareConfig, "tokens" | "apiKeys">): Principal {
  const header = req.get("authorization");
  if (header !== undefined) {
    const bearer = /^Bearer ([0-9A-Za-z_-]{40,80})$/i.exec(header)?.[1];
    if (bearer === undefined) throw new ApiError(400, 6003, "Invalid request headers");
    const known = config.tokens.find((each) => same(each.token, bearer));
    if (known) return { id: fingerprint(bearer), may: (permission) => includes(known.permissions, permission) };
    if (req.path.endsWith("/tokens/verify")) throw new ApiError(401, 1000, "Invalid API Token");
    throw new ApiError(403, 9109, "Invalid access token");
  }
  const [email, key] = [req.get("x-auth-email"), req.get("x-auth-key")];
  if (email === undefined || key === undefined)
    throw new ApiError(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers");
  if (!config.apiKeys.some((each) => each.email === email && same(each.key, key)))
    throw new ApiError(403, 9103, "Unknown X-Auth-Key or X-Auth-Email");
  return { id: fingerprint(email), may: () => true };
}

/** Lets only those pass whose token has the permission; else 403 with code 10000. */
export function permit(permission: Permission) {
  return <P>(req: Request<P>, _res: Response, next: NextFunction): void => {
    if (!principalOf(req).may(permission)) throw new ApiError(403, 10_000, "Authentication error");
    next();
  };
}

/** `x:edit` includes `x:read`. */
function includes(permissions: readonly Permission[], wanted: Permission): boolean {
  const edit = wanted.replace(/:read$/, ":edit");
  return permissions.some((each) => each === wanted || each === edit);
}

function fingerprint(secret: string): string {
  return createHash("sha256").update(secret).digest("hex").slice(0, 32);
}

function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
