import { createSecretKey } from "node:crypto";
import { SignJWT } from "jose";
import { SECRET } from "./fixture.ts";

/** A token of the server's own kind, good unless told otherwise. */
export const claims = (
  more: { aud?: string; iss?: string; exp?: number; sub?: string; role?: string; alg?: string; secret?: string } = {},
): Promise<string> => {
  const {
    aud = "odoosaas-api",
    iss = "odoosaas",
    exp = Math.floor(Date.now() / 1_000) + 60,
    sub = "tester",
    role = "admin",
    alg = "HS256",
    secret = SECRET,
  } = more;
  return new SignJWT({ role })
    .setProtectedHeader({ alg })
    .setSubject(sub)
    .setIssuer(iss)
    .setAudience(aud)
    .setExpirationTime(exp)
    .sign(createSecretKey(Buffer.from(secret)));
};
