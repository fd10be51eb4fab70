import { createHash } from "node:crypto";

/** What one engine run has set on its connection to a provider. */
export interface Session<Config> {
  readonly config: Config | undefined;
  readonly fingerprint: string | undefined;
  readonly engineAddress: string | undefined;
  /** Aborted by Cancel. */
  readonly cancellation: AbortController;
}

/** Connections to remember; a forgotten one is refused, never given another's configuration. */
const REMEMBERED = 4_096;

/**
 * One process serves many engine runs, one after another and at once. Requests name no run, but every run, and every
 * provider resource in it, has a connection of its own: the peer's address tells them apart. So neither a
 * configuration nor a cancellation reaches another run.
 */
export class Sessions<Config> {
  readonly #byPeer = new Map<string, Session<Config>>();

  /** Sent by the engine before everything else. A peer's address may have been another run's: it starts anew. */
  open(peer: string, engineAddress: string | undefined): void {
    this.#set(peer, { config: undefined, fingerprint: undefined, engineAddress, cancellation: new AbortController() });
  }

  configure(peer: string, config: Config, source: string): void {
    const fingerprint = createHash("sha256").update(source).digest("hex");
    const { engineAddress, cancellation } = this.#find(peer);
    this.#set(peer, { config, fingerprint, engineAddress, cancellation });
  }

  /** Ends the operations of this connection, and only these. */
  cancel(peer: string): void {
    this.#byPeer.get(peer)?.cancellation.abort(new Error("the operation was cancelled"));
  }

  cancelAll(reason: Error): void {
    for (const session of this.#byPeer.values()) session.cancellation.abort(reason);
  }

  /** The session as it is now; a later Configure does not change what was taken. */
  get(peer: string): Session<Config> {
    return this.#find(peer);
  }

  /**
   * The session with its configuration. An engine that was idle for long may come back on a new connection: it gets
   * the configuration on which all others agree, and is refused when they differ.
   */
  configured(peer: string): Session<Config> & { config: Config } {
    const session = this.#find(peer);
    if (session.config !== undefined) return { ...session, config: session.config };
    const others = [...this.#byPeer.values()].filter((other) => other.config !== undefined);
    const last = others.at(-1);
    if (last?.config === undefined || new Set(others.map((other) => other.fingerprint)).size > 1)
      throw new Error("this connection has no configuration: run the command again");
    return { ...session, config: last.config };
  }

  #find(peer: string): Session<Config> {
    const found = this.#byPeer.get(peer);
    if (found !== undefined) return found;
    this.open(peer, undefined);
    return this.#find(peer);
  }

  #set(peer: string, session: Session<Config>): void {
    this.#byPeer.delete(peer);
    this.#byPeer.set(peer, session);
    const oldest = this.#byPeer.keys().next();
    if (this.#byPeer.size > REMEMBERED && oldest.done !== true) this.#byPeer.delete(oldest.value);
  }
}
