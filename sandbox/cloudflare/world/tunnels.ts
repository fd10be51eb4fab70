import { randomBytes, randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import { ApiError } from "./api-error.ts";
import type { LiveConnections } from "./live-connections.ts";
import type { Collection } from "./store.ts";
import { checkConfiguration } from "./tunnel-configuration.ts";

/** Times are ISO 8601. */
export interface Tunnel {
  id: string;
  name: string;
  /** Base64. */
  secret: string;
  configSource: "local" | "cloudflare";
  createdAt: string;
  deletedAt: string | null;
  everConnected: boolean;
  /** Null while connected. */
  inactiveSince: string | null;
  configuration: { version: number; config: unknown; createdAt: string } | null;
}

export type TunnelStatus = "inactive" | "degraded" | "healthy" | "down";

/** Connections of a healthy connector (cloudflared's --ha-connections). */
const CONNECTIONS_PER_CONNECTOR = 4;

interface TunnelEvents {
  configured: [tunnel: Tunnel];
}

export interface TunnelRules {
  accountId: string;
  limit: number;
  nameClashShouldRetry?: boolean | undefined;
}

/** The account's tunnels. A deleted one stays, with its time of deletion, and can still be read. */
export class Tunnels {
  readonly events = new EventEmitter<TunnelEvents>();
  readonly #tunnels = new Map<string, Tunnel>();
  /** Of those that are not deleted. */
  readonly #idByName = new Map<string, string>();
  readonly #activeSince = new Map<string, string>();
  readonly #collection: Collection<Tunnel>;
  readonly #connections: LiveConnections;
  readonly #now: () => number;
  readonly #rules: TunnelRules;

  constructor(collection: Collection<Tunnel>, connections: LiveConnections, now: () => number, rules: TunnelRules) {
    this.#collection = collection;
    this.#connections = connections;
    this.#now = now;
    this.#rules = rules;
    for (const tunnel of collection.all().toSorted((a, b) => a.createdAt.localeCompare(b.createdAt))) {
      // Whatever was connected when the last run ended is not connected now.
      tunnel.inactiveSince ??= this.#time();
      this.#remember(tunnel);
    }
  }

  /** All, deleted ones too, oldest first. */
  all(): Tunnel[] {
    return [...this.#tunnels.values()];
  }

  find(id: string): Tunnel | undefined {
    return this.#tunnels.get(id);
  }

  /** Throws 1003 with 404 when there never was one. */
  get(id: string): Tunnel {
    const tunnel = this.find(id);
    if (!tunnel) throw new ApiError(404, 1003, "Tunnel not found");
    return tunnel;
  }

  /** As `get`, and a deleted one counts as missing. */
  existing(id: string): Tunnel {
    const tunnel = this.get(id);
    if (tunnel.deletedAt !== null) throw new ApiError(404, 1003, "Tunnel not found");
    return tunnel;
  }

  create(wanted: { name: string; configSource: Tunnel["configSource"]; secret?: string | undefined }): Tunnel {
    this.#refuseTakenName(wanted.name);
    if (this.#idByName.size >= this.#rules.limit)
      throw new ApiError(400, 1055, `You have reached the limit of ${this.#rules.limit} tunnels of this account`);
    const createdAt = this.#time();
    const tunnel: Tunnel = {
      id: randomUUID(),
      name: wanted.name,
      secret: checkSecret(wanted.secret ?? randomBytes(32).toString("base64")),
      configSource: wanted.configSource,
      createdAt,
      deletedAt: null,
      everConnected: false,
      inactiveSince: createdAt,
      configuration: null,
    };
    return this.#save(tunnel);
  }

  /** A new secret lets running connections be; only new ones need it. */
  update(id: string, changes: { name?: string | undefined; secret?: string | undefined }): Tunnel {
    const tunnel = this.existing(id);
    if (changes.name !== undefined && changes.name !== tunnel.name) this.#refuseTakenName(changes.name);
    return this.#save({
      ...tunnel,
      name: changes.name ?? tunnel.name,
      secret: checkSecret(changes.secret ?? tunnel.secret),
    });
  }

  /** Refused while connected (1022), unless `cascade` closes the connections first. Frees the name. */
  delete(id: string, cascade: boolean): Tunnel {
    this.existing(id);
    if (cascade) this.#connections.close(id);
    if (this.#connections.of(id).length > 0)
      throw new ApiError(
        400,
        1022,
        "Cannot delete tunnel because it has active connections. Connections can be cleaned up with `cloudflared tunnel cleanup`.",
      );
    return this.#save({ ...this.existing(id), deletedAt: this.#time() });
  }

  /** Each call makes a new version, the first is 1. Connected connectors get it at once. */
  configure(id: string, config: unknown): Tunnel {
    const tunnel = this.existing(id);
    checkConfiguration(config);
    const version = (tunnel.configuration?.version ?? 0) + 1;
    const configuration = { version, config, createdAt: this.#time() };
    const saved = this.#save({ ...tunnel, configSource: "cloudflare", configuration });
    this.events.emit("configured", saved);
    return saved;
  }

  /** Told by the edge: the first connection stands. */
  connected(id: string): void {
    this.#activeSince.set(id, this.#time());
    this.#save({ ...this.get(id), everConnected: true, inactiveSince: null });
  }

  /** Told by the edge: the last connection is gone. */
  disconnected(id: string): void {
    this.#activeSince.delete(id);
    this.#save({ ...this.get(id), inactiveSince: this.#time() });
  }

  activeSince(id: string): string | null {
    return this.#activeSince.get(id) ?? null;
  }

  status(tunnel: Tunnel): TunnelStatus {
    const live = this.#connections.of(tunnel.id);
    if (live.length === 0) return tunnel.everConnected ? "down" : "inactive";
    const perConnector = Map.groupBy(live, (connection) => connection.clientId);
    const whole = [...perConnector.values()].every((connections) => connections.length >= CONNECTIONS_PER_CONNECTOR);
    return whole ? "healthy" : "degraded";
  }

  /** What a connector is started with: base64 of account, tunnel and secret. */
  token(id: string): string {
    const tunnel = this.existing(id);
    const fields = { a: this.#rules.accountId, t: tunnel.id, s: tunnel.secret };
    return Buffer.from(JSON.stringify(fields)).toString("base64");
  }

  #refuseTakenName(name: string): void {
    if (!this.#idByName.has(name)) return;
    const { nameClashShouldRetry: retry } = this.#rules;
    throw new ApiError(
      409,
      1013,
      "You already have a tunnel with this name. Delete the existing tunnel, or choose a different name for your new tunnel",
      retry === undefined ? {} : { "x-should-retry": String(retry) },
    );
  }

  #save(tunnel: Tunnel): Tunnel {
    this.#collection.put(tunnel.id, tunnel);
    this.#remember(tunnel);
    return tunnel;
  }

  #remember(tunnel: Tunnel): void {
    const before = this.#tunnels.get(tunnel.id);
    if (before?.deletedAt === null) this.#idByName.delete(before.name);
    if (tunnel.deletedAt === null) this.#idByName.set(tunnel.name, tunnel.id);
    this.#tunnels.set(tunnel.id, tunnel);
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}

/** Base64 of at least 32 bytes. */
function checkSecret(secret: string): string {
  const bytes = Buffer.from(secret, "base64");
  if (bytes.length >= 32 && bytes.toString("base64").replace(/=+$/, "") === secret.replace(/=+$/, "")) return secret;
  throw new ApiError(400, 1001, "tunnel_secret must be at least 32 bytes, encoded as base64");
}
