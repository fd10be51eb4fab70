import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type RequestListener } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import type { TestContext } from "node:test";
import type { Cloudflare } from "../../../sandbox/cloudflare/server.ts";
import type { Tunnel } from "../../../sandbox/cloudflare/world/tunnels.ts";
import { buildConnector } from "../../../sandbox/connector/build.ts";
import { cacheDirectory } from "../../../sandbox/directories.ts";
import { ZONE } from "../../unit/cloudflare-emulator/account.ts";
import { undoAfter } from "../../undo.ts";
import { until } from "../../until.ts";

/** A folder that is gone after the test. */
export function temporaryFolder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "cloudflare-test-"));
  undoAfter(t, () => rmSync(path, { recursive: true }));
  return path;
}

/** A web server on a free port. */
export async function startOrigin(t: TestContext, handler: RequestListener) {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  undoAfter(t, async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A tunnel, its configuration and its record, as a tenant has them. */
export function makeTenant(
  account: Cloudflare,
  subdomain: string,
  service: string,
  originRequest: object = {},
): Tunnel {
  const tunnel = account.world.tunnels.create({ name: `${subdomain}-tunnel`, configSource: "cloudflare" });
  const hostname = `${subdomain}.example.com`;
  account.world.tunnels.configure(tunnel.id, {
    ingress: [{ hostname, service, originRequest }, { service: "http_status:404" }],
  });
  const content = `${tunnel.id}.cfargotunnel.com`;
  account.world.records.create(account.world.zones.get(ZONE), {
    type: "CNAME",
    name: subdomain,
    content,
    proxied: true,
  });
  return tunnel;
}

export interface Connector {
  pid: number;
  lines: string[];
  /** Resolves when it has ended. */
  exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
  /** A page of the metrics server. */
  page(path: string): Promise<{ status: number; text: string }>;
  /** Waits for a line of the log. */
  line(part: string): Promise<string>;
}

/** Starts the connector as a unit would: token and edge by the environment. */
export async function startConnector(
  t: TestContext,
  environment: { token?: string; edge: number },
  options: { flags?: string[]; env?: Record<string, string> } = {},
): Promise<Connector> {
  const binary = await buildConnector(cacheDirectory(), () => {});
  const flags = ["--no-autoupdate", "tunnel", "--metrics", "127.0.0.1:0", ...(options.flags ?? []), "run"];
  const child = spawn(binary, flags, {
    env: {
      TUNNEL_EDGE: `127.0.0.1:${environment.edge}`,
      TUNNEL_RETRIES: "0", // attempts are at most a second apart
      ...(environment.token !== undefined && { TUNNEL_TOKEN: environment.token }),
      ...options.env,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  const exit = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  undoAfter(t, async () => {
    child.kill("SIGKILL");
    await exit;
  });
  const line = async (part: string) =>
    (await until(
      `"${part}" in the connector's log`,
      () => lines.find((each) => each.includes(part)),
      (found) => found !== undefined,
      10_000,
    )) ?? "";
  return {
    pid: child.pid ?? 0,
    lines,
    exit,
    kill: (signal) => child.kill(signal),
    line,
    async page(path) {
      const address = /metrics server on ([\d.:]+)\//.exec(await line("Starting metrics server"))?.[1];
      const response = await fetch(`http://${address}${path}`);
      return { status: response.status, text: await response.text() };
    },
  };
}

/** A connector of this tunnel with all its connections. */
export async function connect(
  t: TestContext,
  account: Cloudflare,
  tunnel: Tunnel,
  options: { flags?: string[]; env?: Record<string, string> } = {},
) {
  const connector = await startConnector(
    t,
    { token: account.world.tunnels.token(tunnel.id), edge: account.ports.tunnelEdge },
    options,
  );
  await untilStatus(account, tunnel, "healthy");
  return connector;
}

export async function untilStatus(account: Cloudflare, tunnel: Tunnel, status: string): Promise<void> {
  const { tunnels } = account.world;
  await until(
    `tunnel ${tunnel.name} ${status}`,
    () => tunnels.status(tunnels.get(tunnel.id)),
    (seen) => seen === status,
    15_000,
  );
}

export interface Visit {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  signal?: AbortSignal;
}

/** Opens a page through the edge; resolves when the answer's head is there. */
export async function open(
  account: Pick<Cloudflare, "ports">,
  host: string,
  path: string,
  options: Visit = {},
): Promise<IncomingMessage> {
  const req = request({
    host: "127.0.0.1",
    port: account.ports.edge,
    path,
    method: options.method ?? "GET",
    headers: { host, ...options.headers },
    agent: false,
    ...(options.signal && { signal: options.signal }),
  });
  const answered = once(req, "response") as Promise<[IncomingMessage]>;
  answered.catch(() => {}); // awaited below
  if (typeof options.body === "string") req.end(options.body);
  else {
    for await (const piece of options.body ?? []) if (!req.write(piece)) await once(req, "drain");
    req.end();
  }
  const [response] = await answered;
  return response;
}

export async function visit(account: Pick<Cloudflare, "ports">, host: string, path: string, options: Visit = {}) {
  const response = await open(account, host, path, options);
  const headers: IncomingHttpHeaders = response.headers;
  return { status: response.statusCode, headers, text: (await buffer(response)).toString() };
}
