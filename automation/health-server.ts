import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readiness, type ReadinessCheck } from "./readiness.ts";

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** For a process without an API, on loopback: /livez (and /healthz) tell that it runs, /readyz that it can work. */
export async function serveHealth(
  port: number,
  checks: readonly ReadinessCheck[],
  leaving: AbortSignal,
): Promise<HealthServer> {
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, (request, response) => {
    const send = (status: number, body: object): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
    const path = request.url?.split("?", 1)[0];
    if (path === "/livez" || path === "/healthz") send(200, { success: true, status: "live" });
    else if (path === "/readyz")
      void readiness(checks, leaving).then((answer) => send(answer.success ? 200 : 503, answer));
    else send(404, { success: false });
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
