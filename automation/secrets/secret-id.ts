import { createHash } from "node:crypto";

/** Names a secret of high entropy without telling it: shows which one is in use, and when an old one no longer is. */
export function secretId(secret: string): string {
  return createHash("sha256").update("odoosaas-key-id\0").update(secret).digest("hex").slice(0, 8);
}
