import { type IncomingMessage, ServerResponse, STATUS_CODES } from "node:http";
import type { ClientHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { answerError } from "./error-page.ts";
import { requestHeaders, responseHeaders, type Visitor } from "./headers.ts";
import type { ConnectionRegistry } from "./registry.ts";
import { cancel, UPGRADE_HEADER } from "./tunnel-connection.ts";

/**
 * A WebSocket travels as one HTTP/2 stream, as cloudflared has it: a marked request, answered by 200 with the same mark
 * when the origin has switched protocols. Any other answer is passed on as it is.
 */
export function passWebSocketOn(
  registry: ConnectionRegistry,
  tunnelId: string,
  visitor: Visitor,
  req: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  const headers = { ...requestHeaders(visitor), [UPGRADE_HEADER]: "websocket" };
  let stream: ClientHttp2Stream | undefined;
  try {
    stream = registry.open(tunnelId, headers, { endStream: false })?.stream;
  } catch {
    return answerError(responseOn(req, socket), 400, visitor.ray);
  }
  if (!stream) return answerError(responseOn(req, socket), 1033, visitor.ray);
  pass(stream, visitor, req, socket, head);
}

function pass(stream: ClientHttp2Stream, visitor: Visitor, req: IncomingMessage, socket: Socket, head: Buffer): void {
  let answered = false;
  stream.on("error", () => {}); // "close" follows
  socket.on("error", () => {});
  socket.once("close", () => cancel(stream));
  stream.once("response", (answer, _flags, rawHeaders) => {
    answered = true;
    const sent = responseHeaders(rawHeaders, visitor.ray);
    if (answer[UPGRADE_HEADER] === "websocket") {
      socket.write(upgradeAnswer(sent), "latin1");
      if (head.length > 0) stream.write(head);
      join(socket, stream);
      return;
    }
    stream.end();
    const res = responseOn(req, socket);
    if (answer["cf-cloudflared-response-meta"] === '{"src":"cloudflared"}') return answerError(res, 502, visitor.ray);
    res.writeHead(answer[":status"] ?? 502, sent);
    stream.pipe(res);
  });
  stream.once("close", () => {
    if (!answered) answerError(responseOn(req, socket), 502, visitor.ray);
  });
}

/** For an upgrade Node hands over the bare socket; this makes it answerable again. */
export function responseOn(req: IncomingMessage, socket: Socket): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  res.once("finish", () => socket.end());
  return res;
}

function upgradeAnswer(headers: readonly string[]): string {
  const lines = [`HTTP/1.1 101 ${STATUS_CODES[101]}`, "Connection: Upgrade", "Upgrade: websocket"];
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] !== "content-length") lines.push(`${headers[index]}: ${headers[index + 1]}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Either end's end is the other's. */
function join(socket: Socket, stream: Duplex): void {
  socket.setTimeout(0).setNoDelay(true);
  socket.pipe(stream);
  stream.pipe(socket);
  stream.once("close", () => socket.destroySoon());
}
