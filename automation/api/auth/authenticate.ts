import { ACCESS, type RouteKey } from "../access.ts";
import { ApiError } from "../problem.ts";
import type { Caller } from "./caller.ts";
import { ProviderUnavailable } from "./provider-keys.ts";
import { mayActAs } from "./roles.ts";
import { TokenRefused, type VerifyToken } from "./tokens.ts";

/** Throws 403 when the caller's role is not enough for the route. */
export function authorise(caller: Caller, route: RouteKey): void {
  const needed = ACCESS[route];
  if (needed === "public" || mayActAs(caller.role, needed)) return;
  throw new ApiError(403, "Forbidden", "Not allowed", `This needs the role ${needed}; the token has ${caller.role}.`, {
    remedy: `Use a token with the role ${needed}.`,
    headers: { "www-authenticate": 'Bearer realm="odoosaas", error="insufficient_scope"' },
  });
}

/** Throws 401, or 503 while the identity provider cannot be asked. Also for pages that carry the token elsewhere than in the Authorization header. */
export async function callerOf(authorization: string | undefined, verify: VerifyToken): Promise<Caller> {
  const token = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) throw unauthenticated("Send a token: Authorization: Bearer <JWT>.", "");
  try {
    return await verify(token);
  } catch (error) {
    if (error instanceof TokenRefused)
      throw unauthenticated(`Not accepted: ${error.message}.`, ', error="invalid_token"', error);
    if (error instanceof ProviderUnavailable) throw unavailable(error);
    throw error;
  }
}

function unavailable(cause: ProviderUnavailable): ApiError {
  return new ApiError(503, "Unavailable", "Unavailable", "The identity provider does not answer.", {
    remedy: "Try again in a few seconds; the server's own tokens are taken meanwhile.",
    headers: { "retry-after": "5" },
    cause,
  });
}

function unauthenticated(detail: string, parameters: string, cause?: unknown): ApiError {
  return new ApiError(401, "Unauthenticated", "Not signed in", detail, {
    remedy: "Make a token with: npm run cli -- token create --role viewer --sub you --expires 1h",
    headers: { "www-authenticate": `Bearer realm="odoosaas"${parameters}` },
    cause,
  });
}
