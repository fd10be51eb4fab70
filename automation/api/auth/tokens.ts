import { type KeyObject, createSecretKey } from "node:crypto";
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey, SignJWT } from "jose";
import { secretId } from "../../secrets/secret-id.ts";
import type { Caller } from "./caller.ts";
import { providerKeys } from "./provider-keys.ts";
import { isRole, type Role } from "./roles.ts";

export const OWN_ISSUER = "odoosaas";
export const OWN_AUDIENCE = "odoosaas-api";

export interface TokenSettings {
  /** HS256 secrets, 32 characters or more each: the first signs, all verify. Looked at for each token. */
  readonly secrets: readonly string[];
  /** Identity provider whose tokens are taken too. */
  readonly provider?: { readonly jwksUrl: string; readonly issuer: string; readonly audience: string } | undefined;
}

/** Why a token was refused, in words that its owner may see. */
export class TokenRefused extends Error {
  override readonly name = "TokenRefused";
}

export type VerifyToken = (token: string) => Promise<Caller>;

// Own tokens are symmetric, a provider's never: with one list for both, a provider's public key could be used as the
// secret of a forged HS256 token (RFC 8725, 3.1).
const PROVIDER_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
const CLOCK_TOLERANCE_SECONDS = 5;

/** The function throws TokenRefused, and ProviderUnavailable while it cannot be known whether to refuse. */
export function tokenVerifier(settings: TokenSettings): VerifyToken {
  let known: readonly string[] = [];
  let keys: readonly KeyObject[] = [];
  const own = (): readonly KeyObject[] => {
    if (known !== settings.secrets) {
      known = settings.secrets;
      keys = known.map((secret) => createSecretKey(secret, "utf8"));
    }
    return keys;
  };
  const { provider } = settings;
  const remote = provider && providerKeys(provider.jwksUrl);

  return async (token) => {
    const { alg } = readHeader(token);
    if (alg === "HS256") return callerOf(await verifyOwn(token, own()));
    if (provider === undefined || remote === undefined)
      throw new TokenRefused("the token is not signed by a key of this server");
    return callerOf(await verifyProviders(token, remote, provider));
  };
}

function readHeader(token: string): { alg?: string | undefined } {
  try {
    return decodeProtectedHeader(token);
  } catch {
    throw new TokenRefused("the token is not a JWT");
  }
}

async function verifyOwn(token: string, keys: readonly KeyObject[]): Promise<JWTPayload> {
  const options = {
    issuer: OWN_ISSUER,
    audience: OWN_AUDIENCE,
    algorithms: ["HS256"],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: ["sub", "exp"],
  };
  for (const key of keys) {
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue; // perhaps signed by an older secret
      throw refusal(error);
    }
  }
  throw new TokenRefused("the token is not signed by a key of this server");
}

async function verifyProviders(
  token: string,
  key: JWTVerifyGetKey,
  provider: { issuer: string; audience: string },
): Promise<JWTPayload> {
  const { issuer, audience } = provider;
  try {
    return (
      await jwtVerify(token, key, {
        issuer,
        audience,
        algorithms: PROVIDER_ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ["sub", "exp"],
      })
    ).payload;
  } catch (error) {
    throw refusal(error);
  }
}

function refusal(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new TokenRefused("the token has expired", { cause: error });
  if (error instanceof errors.JWTClaimValidationFailed)
    return new TokenRefused(`the token's "${error.claim}" is not accepted here`, { cause: error });
  if (error instanceof errors.JOSEError) return new TokenRefused("the token is not valid", { cause: error });
  return error;
}

function callerOf(payload: JWTPayload): Caller {
  const { sub, role, exp = 0 } = payload; // required where it is verified
  // It becomes an actor of the audit log.
  if (typeof sub !== "string" || sub === "" || sub.length > 200 || /\p{Cc}|\p{Surrogate}/u.test(sub))
    throw new TokenRefused('the token\'s "sub" is not accepted here');
  if (!isRole(role)) throw new TokenRefused('the token has no "role" of viewer, operator or admin');
  return { subject: sub, role, expiresAt: new Date((exp + CLOCK_TOLERANCE_SECONDS) * 1_000) };
}

export interface TokenRequest {
  readonly subject: string;
  readonly role: Role;
  /** As jose reads it: "1h", "30 days". */
  readonly expires: string;
}

/** A token of this server's own. Throws a TypeError when `expires` is no time span. */
export async function mintToken(secret: string, request: TokenRequest): Promise<string> {
  return new SignJWT({ role: request.role })
    .setProtectedHeader({ alg: "HS256", typ: "JWT", kid: secretId(secret) })
    .setSubject(request.subject)
    .setIssuer(OWN_ISSUER)
    .setAudience(OWN_AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(request.expires)
    .sign(createSecretKey(secret, "utf8"));
}
