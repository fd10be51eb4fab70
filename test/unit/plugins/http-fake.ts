import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { json } from "node:stream/consumers";

export interface SeenRequest {
  line: string;
  body: unknown;
  headers: IncomingHttpHeaders;
}
export type Reply =
  | { status?: number; headers?: Record<string, string>; result?: unknown; body?: string }
  | "drop"
  | "never";

/** Answers requests one by one as told (the last one again and again) and records them. */
export async function httpFake(
  t: TestContext,
  replies: readonly Reply[],
): Promise<{ baseUrl: string; seen: SeenRequest[] }> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const body: unknown = request.headers["content-type"] === undefined ? undefined : await json(request);
      const reply = replies[Math.min(seen.length, replies.length - 1)] ?? "drop";
      seen.push({ line: `${request.method} ${request.url}`, body, headers: request.headers });
      if (reply === "never") return;
      if (reply === "drop") {
        request.socket.destroy();
        return;
      }
      response.writeHead(reply.status ?? 200, reply.headers);
      response.end(
        reply.body ?? JSON.stringify({ success: true, errors: [], messages: [], result: reply.result ?? null }),
      );
    })();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/client/v4/`, seen };
}
