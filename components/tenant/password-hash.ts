import { pbkdf2Sync } from "node:crypto";

/** Rounds that Odoo's own passlib default uses; Odoo rehashes at login when it wants more. */
const ROUNDS = 25_000;

/**
 * The hash Odoo stores in `res_users.password`: passlib's `pbkdf2_sha512` format (its base64 has "." for "+" and no
 * padding), so that the plain password never leaves the engine.
 * https://passlib.readthedocs.io/en/stable/lib/passlib.hash.pbkdf2_digest.html
 */
export function odooPasswordHash(password: string, salt: Buffer): string {
  const digest = pbkdf2Sync(password, salt, ROUNDS, 64, "sha512");
  return `$pbkdf2-sha512$${ROUNDS}$${adaptedBase64(salt)}$${adaptedBase64(digest)}`;
}

function adaptedBase64(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("+", ".").replace(/=+$/, "");
}
