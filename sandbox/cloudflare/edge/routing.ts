import type { DnsRecord } from "../world/dns-records.ts";
import type { CloudflareWorld } from "../world/world.ts";

/** Where a visitor goes: through a tunnel, or to one of Cloudflare's error pages by its number. */
export type Route = { kind: "tunnel"; tunnelId: string } | { kind: "error"; code: 1001 | 1016 | 1033 };

/** CNAMEs that lead to further names of this account are followed so far. */
const MAX_CNAMES = 8;

/**
 * A proxied CNAME to `<tunnel>.cfargotunnel.com` leads through the tunnel. 1001: no zone here has the name. 1016: the
 * zone has no proxied record that leads to a tunnel. 1033: the tunnel is gone.
 * https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/
 */
export function route(world: CloudflareWorld, hostHeader: string | undefined): Route {
  let host = hostName(hostHeader ?? "");
  if (!world.zones.of(host)) return { kind: "error", code: 1001 };
  for (let hops = 0; hops < MAX_CNAMES; hops++) {
    const record = proxiedRecord(world, host);
    if (record?.type !== "CNAME") break;
    const tunnelId = /^([0-9a-f-]{36})\.cfargotunnel\.com$/.exec(record.content)?.[1];
    if (tunnelId === undefined) {
      host = record.content;
      continue;
    }
    const tunnel = world.tunnels.find(tunnelId);
    return tunnel?.deletedAt === null ? { kind: "tunnel", tunnelId } : { kind: "error", code: 1033 };
  }
  return { kind: "error", code: 1016 };
}

/** Without port and trailing dot, in lower case. */
function hostName(header: string): string {
  return header.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
}

/** The record of the name itself, else the wildcard nearest above it. */
function proxiedRecord(world: CloudflareWorld, host: string): DnsRecord | undefined {
  const isAddress = (record: DnsRecord) => record.type === "CNAME" || record.type === "A" || record.type === "AAAA";
  let record = world.records.named(host).find(isAddress);
  for (let rest = host; !record && rest.includes(".");) {
    rest = rest.slice(rest.indexOf(".") + 1);
    record = world.records.named(`*.${rest}`).find(isAddress);
  }
  return record?.proxied ? record : undefined;
}
