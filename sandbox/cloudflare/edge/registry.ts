import { EventEmitter } from "node:events";
import type { ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import type { LiveConnection, LiveConnections } from "../world/live-connections.ts";
import type { TunnelConnection } from "./tunnel-connection.ts";

interface RegistryEvents {
  /** The first connection of a tunnel stands. */
  connected: [tunnelId: string];
  /** The last one is gone. */
  disconnected: [tunnelId: string];
}

/** The connections that visitors are sent to. What is not here does not exist, for the API too. */
export class ConnectionRegistry implements LiveConnections {
  readonly events = new EventEmitter<RegistryEvents>();
  readonly #connections = new Map<string, Set<TunnelConnection>>();

  /** A connector's connection replaces an older one of the same index: it came back before its end was noticed. */
  add(connection: TunnelConnection): void {
    const { tunnelId, clientId, index } = connection.info;
    for (const other of this.all(tunnelId))
      if (other.info.clientId === clientId && other.info.index === index) this.#drop(other);
    const connections = this.#connections.get(tunnelId);
    if (connections) connections.add(connection);
    else this.#connections.set(tunnelId, new Set([connection]));
    if (!connections) this.events.emit("connected", tunnelId);
  }

  /** No further visitor goes there; those on their way are not touched. Safe twice. */
  remove(connection: TunnelConnection): void {
    const { tunnelId } = connection.info;
    const connections = this.#connections.get(tunnelId);
    if (!connections?.delete(connection) || connections.size > 0) return;
    this.#connections.delete(tunnelId);
    this.events.emit("disconnected", tunnelId);
  }

  all(tunnelId: string): TunnelConnection[] {
    return [...(this.#connections.get(tunnelId) ?? [])];
  }

  of(tunnelId: string): readonly LiveConnection[] {
    return this.all(tunnelId).map((connection) => connection.info);
  }

  /**
   * Opens a stream on the connection with the fewest requests on their way, but for those already tried. Connections
   * that take no more are given up. Throws for headers that cannot be sent.
   */
  open(
    tunnelId: string,
    headers: OutgoingHttpHeaders,
    options: { endStream: boolean },
    tried: ReadonlySet<TunnelConnection> = new Set(),
  ): { connection: TunnelConnection; stream: ClientHttp2Stream } | undefined {
    for (;;) {
      const connection = this.#pick(tunnelId, tried);
      if (!connection) return undefined;
      const stream = connection.request(headers, options);
      if (stream) return { connection, stream };
      this.remove(connection);
      connection.drain();
    }
  }

  close(tunnelId: string, clientId?: string): void {
    for (const connection of this.all(tunnelId))
      if (clientId === undefined || connection.info.clientId === clientId) this.#drop(connection);
  }

  closeAll(): void {
    for (const tunnelId of this.#connections.keys()) this.close(tunnelId);
  }

  #pick(tunnelId: string, tried: ReadonlySet<TunnelConnection>): TunnelConnection | undefined {
    let best: TunnelConnection | undefined;
    for (const connection of this.#connections.get(tunnelId) ?? [])
      if (!tried.has(connection) && (!best || connection.requests < best.requests)) best = connection;
    return best;
  }

  #drop(connection: TunnelConnection): void {
    this.remove(connection);
    connection.destroy();
  }
}
