import { hkdfSync } from "node:crypto";

/**
 * A tenant's own secrets are derived from the platform's master key instead of being drawn at random and kept only in
 * state: a lost state loses no password, a crash between "created" and "recorded" leaves nothing unknown, previews
 * have no unknowns, and possession of a tunnel or role proves that it is ours (docs/decisions/0003-derived-secrets.md).
 * `generation` grows by one to rotate one secret of one tenant.
 */
export function deriveSecret(masterKey: string, subdomain: string, purpose: SecretPurpose, generation = 1): Buffer {
  return Buffer.from(hkdfSync("sha256", masterKey, "odoosaas/tenant", `${subdomain}/${purpose}/${generation}`, 32));
}

export type SecretPurpose = "tunnel" | "standalone-tunnel" | "postgres-role" | "odoo-admin" | "odoo-admin-salt";

/** 43 characters of base64url: no quoting needed in SQL, INI files or shells. */
export function derivePassword(masterKey: string, subdomain: string, purpose: SecretPurpose, generation = 1): string {
  return deriveSecret(masterKey, subdomain, purpose, generation).toString("base64url");
}

/** The tunnel's secret as Cloudflare wants it: base64 of at least 32 bytes. */
export function deriveTunnelSecret(masterKey: string, subdomain: string, generation = 1): string {
  return deriveSecret(masterKey, subdomain, "tunnel", generation).toString("base64");
}

/** The same, of a container's tunnel that belongs to no tenant: never the secret of a tenant of that name. */
export function deriveStandaloneTunnelSecret(masterKey: string, label: string, generation = 1): string {
  return deriveSecret(masterKey, label, "standalone-tunnel", generation).toString("base64");
}
