import { randomBytes } from "node:crypto";
import { ApiError } from "./api-error.ts";
import type { Collection } from "./store.ts";

/** Times are ISO 8601. */
export interface Zone {
  id: string;
  name: string;
  /** A zone made by the API waits for its name servers to be changed, which nobody does here. */
  status: "pending" | "active";
  type: "full" | "partial" | "secondary" | "internal";
  paused: boolean;
  vanityNameServers: string[];
  createdOn: string;
  modifiedOn: string;
  /** Settings that were changed from their defaults (zone-settings.ts). */
  settings: Record<string, { value: string; modifiedOn: string }>;
}

/** 32 hex digits, as Cloudflare's ids of zones and records. */
export function hexId(): string {
  return randomBytes(16).toString("hex");
}

/** The account's zones. */
export class Zones {
  readonly #zones = new Map<string, Zone>();
  readonly #collection: Collection<Zone>;
  readonly #now: () => number;

  constructor(collection: Collection<Zone>, now: () => number) {
    this.#collection = collection;
    this.#now = now;
    for (const zone of collection.all().toSorted((a, b) => a.name.localeCompare(b.name)))
      this.#zones.set(zone.id, zone);
  }

  /** In order of their names after a start, new ones last. */
  all(): Zone[] {
    return [...this.#zones.values()];
  }

  /** Throws 1001 with 404. */
  get(id: string): Zone {
    const zone = this.#zones.get(id);
    if (!zone) throw new ApiError(404, 1001, "Invalid zone identifier");
    return zone;
  }

  /** The zone that a host name belongs to: the one with the longest name. */
  of(host: string): Zone | undefined {
    return this.all()
      .filter((zone) => host === zone.name || host.endsWith(`.${zone.name}`))
      .toSorted((a, b) => b.name.length - a.name.length)[0];
  }

  create(name: string, given: Partial<Pick<Zone, "id" | "status" | "type" | "paused">> = {}): Zone {
    const lower = name.toLowerCase();
    if (this.all().some((zone) => zone.name === lower)) throw new ApiError(400, 1061, `${lower} already exists`);
    const time = this.#time();
    return this.#save({
      id: hexId(),
      name: lower,
      status: "pending",
      type: "full",
      paused: false,
      vanityNameServers: [],
      createdOn: time,
      modifiedOn: time,
      settings: {},
      ...given,
    });
  }

  update(id: string, changes: Partial<Pick<Zone, "paused" | "type" | "vanityNameServers" | "settings">>): Zone {
    return this.#save({ ...this.get(id), ...changes, modifiedOn: this.#time() });
  }

  delete(id: string): void {
    this.get(id);
    this.#collection.delete(id);
    this.#zones.delete(id);
  }

  #save(zone: Zone): Zone {
    this.#collection.put(zone.id, zone);
    this.#zones.set(zone.id, zone);
    return zone;
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}
