import http2, { type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import type { LiveConnection } from "../world/live-connections.ts";
import type { Tunnel } from "../world/tunnels.ts";

/** Marks what is not a plain request of a visitor; cloudflared's own header. */
export const UPGRADE_HEADER = "cf-cloudflared-proxy-connection-upgrade";

/** The connector's one message on its control stream. */
const UNREGISTER = '{"event":"unregister"}\n';

/** A silent connector is given up after one interval without an answer to a ping. */
const PING_INTERVAL_MS = 3_000;
/** For the connector's answer to a configuration. */
const CONFIGURATION_TIMEOUT_MS = 5_000;
/** Bytes on their way per stream and per connection, before the visitor must have taken some. */
const STREAM_WINDOW = 1 << 20;
const CONNECTION_WINDOW = 16 << 20;

/** One connection of a connector: HTTP/2 with the edge as its client. */
export class TunnelConnection {
  readonly info: LiveConnection;
  readonly #session: ClientHttp2Session;
  readonly #heartbeat: NodeJS.Timeout;
  #requests = 0;

  /** @param closed called once when the connection is gone, however that came about */
  constructor(socket: Socket, info: LiveConnection, closed: () => void) {
    this.info = info;
    this.#session = http2.connect("http://tunnel", {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW, maxFrameSize: 1 << 16 },
      peerMaxConcurrentStreams: 1_000,
      maxSessionMemory: 256,
    });
    this.#session.once("connect", () => this.#session.setLocalWindowSize(CONNECTION_WINDOW));
    this.#session.on("error", () => {}); // "close" follows
    this.#session.once("close", () => {
      clearInterval(this.#heartbeat);
      socket.destroy();
      closed();
    });
    this.#heartbeat = this.#beat();
  }

  /** Requests on their way. */
  get requests(): number {
    return this.#requests;
  }

  /** Opens a stream for a visitor; undefined when the connection takes no more. Throws for headers that cannot be sent. */
  request(headers: OutgoingHttpHeaders, options: { endStream: boolean }): ClientHttp2Stream | undefined {
    if (this.#session.closed || this.#session.destroyed) return undefined;
    let stream;
    try {
      stream = this.#session.request(headers, options);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ERR_HTTP2_GOAWAY_SESSION" || code === "ERR_HTTP2_OUT_OF_STREAMS") return undefined;
      throw error;
    }
    this.#requests += 1;
    stream.once("close", () => {
      this.#requests -= 1;
    });
    return stream;
  }

  /** Sends a configuration and waits until the connector has it in force, or has refused it. */
  async configure(tunnel: Tunnel): Promise<void> {
    const { configuration } = tunnel;
    if (!configuration) return;
    const stream = this.#session.request(control("update-configuration"), { endStream: false });
    stream.setTimeout(CONFIGURATION_TIMEOUT_MS, () => cancel(stream));
    stream.end(JSON.stringify({ version: configuration.version, config: configuration.config }));
    let text = "";
    for await (const piece of stream.setEncoding("utf8")) text += String(piece);
    const { lastAppliedVersion } = JSON.parse(text) as { lastAppliedVersion: number };
    this.info.configVersion = lastAppliedVersion;
  }

  /**
   * Opens the control stream: for the connector it means that visitors may come. It lives as long as the connection and
   * carries one message at most, the wish that no more are sent.
   */
  control(unregister: () => void): void {
    const stream = this.#session.request(control("control-stream"), { endStream: true });
    stream.on("error", () => {}); // the session's "close" follows
    let text = "";
    stream.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
      if (text === UNREGISTER) unregister();
    });
  }

  /** Closes the connection when the requests on their way have been answered. */
  drain(): void {
    this.#session.close();
  }

  /** Closes it now. */
  destroy(): void {
    this.#session.destroy();
  }

  #beat(): NodeJS.Timeout {
    let waiting = false;
    const beat = () => {
      if (this.#session.destroyed || this.#session.connecting) return;
      if (waiting) return this.destroy();
      waiting = this.#session.ping((error) => {
        waiting = error !== null;
      });
    };
    return setInterval(beat, PING_INTERVAL_MS).unref();
  }
}

function control(kind: string): OutgoingHttpHeaders {
  return { ":method": "POST", ":path": "/", ":scheme": "http", ":authority": "tunnel", [UPGRADE_HEADER]: kind };
}

/** Ends a stream now. `close` alone would wait for somebody to read what has arrived. */
export function cancel(stream: ClientHttp2Stream): void {
  stream.close(http2.constants.NGHTTP2_CANCEL);
  stream.destroy();
}
