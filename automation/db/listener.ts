import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { OWN_CONNECTION } from "./database.ts";

type Hear = (payload: string) => void;

/**
 * One connection that listens for PostgreSQL's notifications on behalf of the whole process. When it breaks it is made
 * again; every listener is then called with an empty payload, because what was said meanwhile is lost.
 */
export class Listener {
  readonly #url: string;
  readonly #hearers = new Map<string, Set<Hear>>();
  #client: Promise<pg.Client> | undefined;
  #closed = false;

  constructor(url: string) {
    this.#url = url;
  }

  /** Resolves when everything said from now on will be heard. Returns the way to stop. */
  async listen(channel: string, hear: Hear): Promise<() => void> {
    // In its place before anything is waited for: another call, or a new connection, may come meanwhile.
    const hearers = this.#hearers.get(channel) ?? new Set();
    this.#hearers.set(channel, hearers.add(hear));
    try {
      const client = await (this.#client ??= this.#connect());
      await client.query(`listen ${pg.escapeIdentifier(channel)}`); // once more does no harm
    } catch (error) {
      hearers.delete(hear);
      throw error;
    }
    return () => hearers.delete(hear);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = await this.#client?.catch(() => undefined);
    await client?.end();
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: "odoosaas-listener",
      ...OWN_CONNECTION,
    });
    client.on("notification", ({ channel, payload }) => {
      for (const hear of this.#hearers.get(channel) ?? []) hear(payload ?? "");
    });
    let ended = false;
    const again = (): void => {
      if (ended) return;
      ended = true;
      this.#client = undefined;
      if (!this.#closed) void this.#reconnect();
    };
    client.on("error", again);
    client.on("end", again);
    try {
      await client.connect();
      for (const channel of this.#hearers.keys()) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      return client;
    } catch (error) {
      ended = true;
      this.#client = undefined;
      await client.end().catch(() => {});
      throw error;
    }
  }

  async #reconnect(): Promise<void> {
    for (let wait = 100; !this.#closed; wait = Math.min(wait * 2, 5_000)) {
      await setTimeout(wait, undefined, { ref: false });
      try {
        await (this.#client ??= this.#connect());
        for (const hearers of this.#hearers.values()) for (const hear of hearers) hear("");
        return;
      } catch {
        // the database is still away
      }
    }
  }
}
