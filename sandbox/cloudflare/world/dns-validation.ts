import { isIPv4, isIPv6 } from "node:net";
import { ApiError } from "./api-error.ts";

/** Those with plain text as their content; records with `data` are not emulated. */
export const RECORD_TYPES = ["A", "AAAA", "CNAME", "TXT", "MX", "NS", "PTR"] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

/** Characters of a comment on the free plan: https://developers.cloudflare.com/dns/manage-dns-records/reference/record-attributes/ */
const COMMENT_LENGTH = 100;

const PROXIABLE: ReadonlySet<RecordType> = new Set(["A", "AAAA", "CNAME"]);

export function isProxiable(type: RecordType): boolean {
  return PROXIABLE.has(type);
}

/** The name as the API tells it back: the whole host name in lower case. `@` is the zone itself. */
export function fullName(name: string, zone: string): string {
  const lower = name.toLowerCase().replace(/\.$/, "");
  const full = lower === "@" || lower === zone ? zone : lower.endsWith(`.${zone}`) ? lower : `${lower}.${zone}`;
  if (
    full.length > 253 ||
    !/^(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/.test(full)
  )
    throw new ApiError(400, 9000, "DNS name is invalid.");
  return full;
}

/** The content as the API tells it back. */
export function checkContent(type: RecordType, name: string, content: string): string {
  switch (type) {
    case "A":
      if (!isIPv4(content)) throw new ApiError(400, 9005, "Content for A record must be a valid IPv4 address.");
      return content;
    case "AAAA":
      if (!isIPv6(content)) throw new ApiError(400, 9006, "Content for AAAA record must be a valid IPv6 address.");
      return content.toLowerCase();
    case "CNAME":
    case "MX":
    case "NS":
    case "PTR": {
      const target = content.toLowerCase().replace(/\.$/, "");
      if (!/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)+$/.test(target) || isIPv4(target))
        throw new ApiError(400, 9007, `Content for ${type} record is invalid.`);
      if (type === "CNAME" && target === name) throw new ApiError(400, 9039, "CNAME content cannot reference itself.");
      return target;
    }
    case "TXT":
      if (content === "") throw new ApiError(400, 9009, "Content for TXT record must not be empty.");
      return content;
  }
}

/** 1 is automatic, and a proxied record has no other. */
export function checkTtl(ttl: number, proxied: boolean): number {
  if (ttl !== 1 && (ttl < 60 || ttl > 86_400))
    throw new ApiError(400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.");
  return proxied ? 1 : ttl;
}

/** The free plan's limits. */
export function checkNotes(comment: string | null, tags: readonly string[]): void {
  if (comment !== null && comment.length > COMMENT_LENGTH)
    throw new ApiError(
      400,
      9302,
      `DNS record comment has ${comment.length} characters, exceeding the limit of ${COMMENT_LENGTH}.`,
    );
  if (tags.length > 0) throw new ApiError(400, 9300, `DNS record has ${tags.length} tags, exceeding the quota of 0.`);
}
