import { once } from "node:events";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, BlockList, isIPv6, type Socket } from "node:net";
import { SettingsError } from "../../components/field-error.ts";
import { type CertificateFiles, watchCertificate } from "./certificate.ts";

export interface ListenSettings {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls?: CertificateFiles | undefined;
  /** A proxy in front is declared (TRUST_PROXY) and does TLS. */
  readonly behindProxy: boolean;
  /** Milliseconds; for tests that do not want to wait so long. */
  readonly limits?: Partial<typeof LIMITS>;
}

export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Takes no new connections, lets running requests end for at most `withinMs`, then closes the rest. */
  close(withinMs?: number): Promise<void>;
}

/** A client has this long for each; then it is 408 (once it has said anything) and closed. */
const LIMITS = {
  /** Of TLS. */
  handshakeTimeout: 10_000,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16 * 1_024,
  /** For sockets that neither send nor take anything, unless an answer is due; live streams send a heartbeat every 15 s. */
  silence: 120_000,
};
const MOST_CONNECTIONS = 10_000;

/**
 * Plain HTTP on loopback, HTTPS as soon as a certificate is configured (a renewed one is taken without a restart).
 * Throws SettingsError for plain HTTP beyond loopback without a declared proxy: tokens would cross the network in clear.
 */
export async function listen(
  app: RequestListener,
  settings: ListenSettings,
  log: (line: string) => void = () => {},
): Promise<Listening> {
  const { host, port, tls, behindProxy } = settings;
  const limits = { ...LIMITS, ...settings.limits };
  if (tls === undefined && !behindProxy && !isLoopback(host)) {
    throw new SettingsError("The API's address", [
      `HOST: ${host} can be reached from elsewhere, and there is no TLS: set TLS_CERT_FILE and TLS_KEY_FILE, or TRUST_PROXY when a proxy in front does TLS, or listen on 127.0.0.1`,
    ]);
  }
  const watched = tls === undefined ? undefined : await watchCertificate(tls, log);
  const server: Server =
    watched === undefined ? createServer(limits, app) : createTlsServer({ ...limits, ...watched.options }, app);
  watched?.onChange(
    (context) =>
      "setSecureContext" in server && (server as ReturnType<typeof createTlsServer>).setSecureContext(context),
  );
  server.setTimeout(limits.silence);
  spareThoseWhoWait(server, limits.silence);
  server.maxConnections = MOST_CONNECTIONS;
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    watched?.stop();
    throw inUse(error, host, port);
  }
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `${tls === undefined ? "http" : "https"}://${isIPv6(host) ? `[${host}]` : host}:${bound}`,
    port: bound,
    async close(withinMs = 10_000) {
      watched?.stop();
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      // A connection whose request has just ended would otherwise be kept alive for the next one.
      const idle = setInterval(() => server.closeIdleConnections(), 50);
      const late = setTimeout(() => server.closeAllConnections(), withinMs);
      await closed;
      clearInterval(idle);
      clearTimeout(late);
    },
  };
}

/**
 * Whoever has asked for something and is not answered yet (`Prefer: wait=300`) is silent with good reason: how long that
 * may take is the app's business. All others that are silent are cut off.
 */
function spareThoseWhoWait(server: Server, silence: number): void {
  const answers = new WeakMap<Socket, ServerResponse>();
  server.on("request", (req, res) => answers.set(req.socket, res));
  server.on("timeout", (socket: Socket) => {
    const answer = answers.get(socket);
    if (answer !== undefined && answer.req.complete && !answer.headersSent) socket.setTimeout(silence);
    else socket.destroy();
  });
}

function isLoopback(host: string): boolean {
  if (host === "localhost") return true;
  const loopback = new BlockList();
  loopback.addSubnet("127.0.0.0", 8, "ipv4");
  loopback.addAddress("::1", "ipv6");
  try {
    return loopback.check(host, isIPv6(host) ? "ipv6" : "ipv4");
  } catch {
    return false;
  }
}

function inUse(error: unknown, host: string, port: number): unknown {
  if ((error as { code?: unknown }).code !== "EADDRINUSE") return error;
  return new SettingsError("The API's address", [
    `PORT: ${port} of ${host} is in use by another program; stop it, or choose another port`,
  ]);
}
