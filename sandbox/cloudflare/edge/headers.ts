import type { OutgoingHttpHeaders } from "node:http2";

/** These belong to one hop (RFC 9110, section 7.6.1), or have been answered here (Expect). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "expect",
]);

/** What the edge alone may say to an origin: a visitor's own are dropped. */
const EDGE_ONLY =
  /^(cf-connecting-ip|cf-connecting-ipv6|cf-ray|cf-visitor|cf-ipcountry|cdn-loop|true-client-ip|x-forwarded-proto|x-forwarded-for|cf-cloudflared-.*)$/;

export interface Visitor {
  /** As read from the wire: name, value, name, value, ... */
  rawHeaders: readonly string[];
  method: string;
  /** Path and query as sent. */
  url: string;
  host: string;
  address: string;
  ray: string;
}

/** The visitor's request as HTTP/2 headers for the connector, with what Cloudflare adds. */
export function requestHeaders(visitor: Visitor): OutgoingHttpHeaders {
  const headers = new Map<string, string>();
  let forwardedFor = "";
  const dropped = connectionOptions(visitor.rawHeaders);
  for (const [name, value] of pairs(visitor.rawHeaders)) {
    if (name === "x-forwarded-for") forwardedFor += `${value}, `;
    if (name === "host" || HOP_BY_HOP.has(name) || dropped.has(name) || EDGE_ONLY.test(name)) continue;
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : before + (name === "cookie" ? "; " : ", ") + value);
  }
  return {
    ":method": visitor.method,
    ":path": visitor.url,
    ":scheme": "http",
    ":authority": visitor.host,
    ...Object.fromEntries(headers),
    "cf-connecting-ip": visitor.address,
    "cf-ray": visitor.ray,
    "cf-visitor": '{"scheme":"http"}',
    "cf-ipcountry": "XX",
    "cdn-loop": "cloudflare; loops=1",
    "x-forwarded-for": forwardedFor + visitor.address,
    "x-forwarded-proto": "http",
  };
}

/** The connector's answer as HTTP/1 headers for the visitor: name, value, name, value, ... */
export function responseHeaders(rawHeaders: readonly string[], ray: string): string[] {
  const headers: string[] = [];
  for (const [name, value] of pairs(rawHeaders)) {
    if (name.startsWith(":") || name.startsWith("cf-cloudflared-") || HOP_BY_HOP.has(name)) continue;
    if (name === "server" || name === "cf-ray") continue;
    headers.push(name, value);
  }
  return [...headers, "server", "cloudflare", "cf-ray", ray];
}

/** Names that the Connection header declares to belong to this hop. */
function connectionOptions(rawHeaders: readonly string[]): Set<string> {
  const lines = [...pairs(rawHeaders)].filter(([name]) => name === "connection");
  return new Set(lines.flatMap(([, value]) => value.split(",").map((option) => option.trim().toLowerCase())));
}

function* pairs(rawHeaders: readonly string[]): Generator<[string, string]> {
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    yield [(rawHeaders[index] ?? "").toLowerCase(), rawHeaders[index + 1] ?? ""];
}
