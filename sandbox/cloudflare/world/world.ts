import type { CloudflareConfig } from "../config.ts";
import { DnsRecords } from "./dns-records.ts";
import type { LiveConnections } from "./live-connections.ts";
import { StateStore } from "./store.ts";
import { Tunnels } from "./tunnels.ts";
import { Zones } from "./zones.ts";

/** One emulated Cloudflare account: its objects and the rules they obey. Knows no HTTP. */
export class CloudflareWorld {
  readonly accountId: string;
  readonly tunnels: Tunnels;
  readonly zones: Zones;
  readonly records: DnsRecords;
  readonly connections: LiveConnections;
  readonly now: () => number;
  readonly #store: StateStore;

  /** @param now the clock, milliseconds since 1970 */
  constructor(config: CloudflareConfig, connections: LiveConnections, now: () => number) {
    this.accountId = config.accountId;
    this.connections = connections;
    this.now = now;
    this.#store = new StateStore(config.stateFile);
    this.tunnels = new Tunnels(this.#store.collection("tunnel"), connections, now, {
      accountId: config.accountId,
      limit: config.tunnelLimit,
      nameClashShouldRetry: config.nameClashShouldRetry,
    });
    this.zones = new Zones(this.#store.collection("zone"), now);
    this.records = new DnsRecords(this.#store.collection("record"), now, config.recordLimit);
    const known = new Set(this.zones.all().map((zone) => zone.id));
    for (const zone of config.zones)
      if (!known.has(zone.id)) this.zones.create(zone.name, { id: zone.id, status: "active" });
  }

  close(): void {
    this.#store.close();
  }
}
