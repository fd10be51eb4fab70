import type { EdgeProbe, ProbeResult, ProbeTarget } from "./edge-probe.ts";

export interface TunnelHealthSummary {
  /** Tunnels that should answer. */
  readonly total: number;
  readonly active: number;
  /** Those that did not answer as they should the last time; the rest has not been looked at yet. */
  readonly error: number;
  /** Mean over the active ones, from request to the answer's headers; null while there is none. */
  readonly avg_latency_ms: number | null;
}

export interface TunnelHealthOptions {
  readonly targets: () => Promise<readonly ProbeTarget[]>;
  readonly probe: EdgeProbe;
  /** Told of each look as it is made. What it throws is told to `onError`. */
  readonly onSeen?: (target: ProbeTarget, result: ProbeResult) => Promise<void>;
  /** Told of a round that could not be made. */
  readonly onError?: (error: unknown) => void;
  /** Milliseconds. Default 60 s. */
  readonly every?: number;
  /** Probes of one round; with more tunnels than that, the longest not seen come first. Default 1,000. */
  readonly mostPerRound?: number;
  /** Probes at once. Default 10. */
  readonly atOnce?: number;
}

interface Seen {
  readonly at: number;
  readonly result: ProbeResult;
}

/** Whether visitors can get through, measured as they come: through the edge, on a schedule. */
export class TunnelHealth {
  readonly #options: TunnelHealthOptions;
  readonly #seen = new Map<string, Seen>();
  #total = 0;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  readonly #stopped = new AbortController();

  constructor(options: TunnelHealthOptions) {
    this.#options = options;
  }

  summary(): TunnelHealthSummary {
    const results = [...this.#seen.values()].map(({ result }) => result);
    const good = results.filter((result) => result.ok);
    const sum = good.reduce((total, { ms }) => total + ms, 0);
    return {
      total: this.#total,
      active: good.length,
      error: results.length - good.length,
      avg_latency_ms: good.length === 0 ? null : Math.round((sum / good.length) * 10) / 10,
    };
  }

  /** What the last probe of one tunnel saw. */
  lastSeen(key: string): (ProbeResult & { readonly at: Date }) | undefined {
    const seen = this.#seen.get(key);
    return seen === undefined ? undefined : { ...seen.result, at: new Date(seen.at) };
  }

  start(): void {
    const tick = (): void => {
      this.round()
        .catch((error: unknown) => this.#options.onError?.(error))
        .finally(() => {
          if (!this.#stopped.signal.aborted) this.#timer = setTimeout(tick, this.#options.every ?? 60_000).unref();
        });
    };
    tick();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await this.#round?.catch(() => {});
  }

  /** One look at every tunnel (or as many as a round takes). A second call joins the round that runs. */
  round(): Promise<void> {
    this.#round ??= this.#look().finally(() => (this.#round = undefined));
    return this.#round;
  }

  async #look(): Promise<void> {
    const { targets, probe, mostPerRound = 1_000, atOnce = 10 } = this.#options;
    const all = await targets();
    const keys = new Set(all.map(({ key }) => key));
    for (const key of this.#seen.keys()) if (!keys.has(key)) this.#seen.delete(key);
    this.#total = all.length;
    const queue = all.toSorted((a, b) => this.#lastAt(a) - this.#lastAt(b)).slice(0, mostPerRound);
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && !this.#stopped.signal.aborted; next = queue.shift()) {
        const result = await probe(next, this.#stopped.signal);
        if (this.#stopped.signal.aborted) return; // nothing was seen
        this.#seen.set(next.key, { at: Date.now(), result });
        await this.#options.onSeen?.(next, result).catch((error: unknown) => this.#options.onError?.(error));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  #lastAt({ key }: ProbeTarget): number {
    return this.#seen.get(key)?.at ?? 0;
  }
}
