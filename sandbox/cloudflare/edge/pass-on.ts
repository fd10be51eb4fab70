import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type ClientHttp2Stream } from "node:http2";
import { answerError, type ErrorCode } from "./error-page.ts";
import { requestHeaders, responseHeaders, type Visitor } from "./headers.ts";
import type { ConnectionRegistry } from "./registry.ts";
import { cancel, type TunnelConnection } from "./tunnel-connection.ts";

/** Written to send the head at once: `flushHeaders` would write it as UTF-8, and bytes above 127 must stay what they are. */
const NOTHING = Buffer.alloc(0);

/** A visitor's request on its way through a tunnel. */
export interface Passage {
  registry: ConnectionRegistry;
  tunnelId: string;
  visitor: Visitor;
  req: IncomingMessage;
  res: ServerResponse;
  /** For the head of the answer. */
  timeoutMs: number;
}

/**
 * Sends a request to a connector and its answer to the visitor, both as streams. Both ends slow each other down, and
 * when one leaves, the other is told. A connection that breaks before an answer has begun is replaced by another,
 * when nothing can have been done by then.
 */
export function passOn(passage: Passage, tried: Set<TunnelConnection> = new Set()): void {
  const { registry, tunnelId, visitor, req, res } = passage;
  const fail = (code: ErrorCode) => answerError(res, code, visitor.ray);
  const hasBody = req.headers["transfer-encoding"] !== undefined || Number(req.headers["content-length"] ?? 0) > 0;
  let opened;
  try {
    opened = registry.open(tunnelId, requestHeaders(visitor), { endStream: !hasBody }, tried);
  } catch {
    return fail(400);
  }
  if (!opened) return fail(registry.all(tunnelId).length > 0 ? 502 : 1033);

  const { connection, stream } = opened;
  let answered = false;
  const timer = setTimeout(() => {
    answered = true;
    cancel(stream);
    fail(524);
  }, passage.timeoutMs);
  const leave = () => cancel(stream);
  res.once("close", leave);

  stream.on("error", () => {}); // "close" follows
  stream.once("response", (head, _flags, rawHeaders) => {
    clearTimeout(timer);
    if (answered) return; // too late
    answered = true;
    if (head["cf-cloudflared-response-meta"] === '{"src":"cloudflared"}') return fail(502);
    res.writeHead(head[":status"] ?? 502, responseHeaders(rawHeaders, visitor.ray));
    res.write(NOTHING);
    stream.pipe(res, { end: false });
  });
  stream.once("close", () => {
    clearTimeout(timer);
    req.unpipe(stream);
    req.resume();
    res.off("close", leave);
    if (answered) return finish(stream, res);
    if (res.destroyed) return;
    tried.add(connection);
    const harmless = !hasBody && (visitor.method === "GET" || visitor.method === "HEAD");
    if (harmless || registry.all(tunnelId).length === 0) return passOn(passage, tried);
    fail(502);
  });
  if (hasBody) req.pipe(stream);
}

/** An answer that broke off must not look complete to the visitor. */
function finish(stream: ClientHttp2Stream, res: ServerResponse): void {
  if (res.writableEnded) return;
  if (stream.readableEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR) res.end();
  else res.destroy();
}
