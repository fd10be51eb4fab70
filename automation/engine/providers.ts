import { access, constants, readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { type GuardedProcess, killGuarded, spawnGuarded } from "./guarded-process.ts";

/** A provider plugin that may stay alive between runs. */
export interface ProviderPlugin {
  /** As in `pulumi-resource-<name>`. */
  name: string;
  /** Of the SDK package; another version is not attached. */
  version: string;
}

/** Runs after which a provider is replaced by a fresh process, against slow leaks. */
const RUNS_PER_PROCESS = 500;
const START_TIMEOUT_MS = 20_000;

/**
 * The provider processes of one slot. Starting a provider costs more than most runs need it for, so they are started
 * once, and the engine attaches to them (PULUMI_DEBUG_PROVIDERS). One run at a time has them to itself: every run
 * configures them anew, and a cancellation, which may leave a provider cancelled for good, is followed by `renew`.
 *
 * An attached process serves all providers of its package in a stack, and the last configuration wins: so a package of
 * which a stack has two differently configured providers must not be attached (`exclude`).
 */
export class Providers {
  readonly #plugins: readonly ProviderPlugin[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #directory: string;
  readonly #log: (line: string) => void;
  readonly #running = new Map<string, { child: GuardedProcess; port: number; runs: number }>();
  readonly #excluded = new Set<string>();

  constructor(
    plugins: readonly ProviderPlugin[],
    pulumiHome: string,
    env: Readonly<Record<string, string>>,
    log: (line: string) => void,
  ) {
    this.#plugins = plugins;
    this.#directory = join(pulumiHome, "plugins");
    this.#env = env;
    this.#log = log;
  }

  /** Value of PULUMI_DEBUG_PROVIDERS for the next run. What cannot be started is left to the engine. */
  async attach(): Promise<string> {
    const ports = await Promise.all(this.#plugins.map((plugin) => this.#ensure(plugin)));
    return ports.filter((entry) => entry !== undefined).join(",");
  }

  /** Ends all processes, so that the next run gets fresh ones. */
  renew(): void {
    for (const { child } of this.#running.values()) killGuarded(child);
    this.#running.clear();
  }

  /** Never attaches this package again. */
  exclude(name: string): void {
    if (this.#excluded.has(name)) return;
    this.#excluded.add(name);
    this.#log(
      `provider ${name} is configured in several ways within one stack: it is not kept alive between runs any more`,
    );
    this.#stop(name);
  }

  isAttached(name: string): boolean {
    return this.#running.has(name);
  }

  get pids(): readonly number[] {
    return [...this.#running.values()].map(({ child }) => child.pid ?? 0);
  }

  async #ensure(plugin: ProviderPlugin): Promise<string | undefined> {
    if (this.#excluded.has(plugin.name)) return undefined;
    const running = this.#running.get(plugin.name);
    if (running !== undefined) {
      running.runs += 1;
      if (running.child.exitCode === null && running.child.signalCode === null && running.runs < RUNS_PER_PROCESS)
        return `${plugin.name}:${running.port}`;
      this.#stop(plugin.name);
    }
    let child: GuardedProcess | undefined;
    try {
      const path = await this.#find(plugin);
      if (path === undefined) return undefined;
      child = spawnGuarded(path, [], { env: this.#env });
      const port = await firstPort(child).finally(() => {
        child?.stdout.resume(); // a pipe that nobody reads would hold the provider up, and this process at its end
        child?.stderr.resume();
      });
      this.#running.set(plugin.name, { child, port, runs: 1 });
      return `${plugin.name}:${port}`;
    } catch (error) {
      if (child !== undefined) killGuarded(child);
      this.#log(`provider ${plugin.name} cannot be kept alive between runs: ${(error as Error).message}`);
      return undefined;
    }
  }

  async #find(plugin: ProviderPlugin): Promise<string | undefined> {
    const directory = join(this.#directory, `resource-${plugin.name}-v${plugin.version}`);
    const name = `pulumi-resource-${plugin.name}`;
    const entries = await readdir(directory).catch((): string[] => []);
    if (!entries.includes(name)) return undefined;
    await access(join(directory, name), constants.X_OK);
    return join(directory, name);
  }

  #stop(name: string): void {
    const running = this.#running.get(name);
    if (running === undefined) return;
    killGuarded(running.child);
    this.#running.delete(name);
  }
}

/** A provider prints the port that it serves on as its first line. */
async function firstPort(child: GuardedProcess): Promise<number> {
  const lines = createInterface({ input: child.stdout });
  const given = new AbortController();
  try {
    return await Promise.race([
      new Promise<number>((resolve, reject) => {
        let complaint = "";
        child.stderr.on("data", (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-500)));
        child.once("error", reject);
        child.once("exit", (code) => reject(new Error(`it ended with ${code}: ${complaint}`)));
        lines.once("line", (line) => {
          const port = Number(line.trim());
          if (Number.isInteger(port) && port > 0) resolve(port);
          else reject(new Error(`it printed "${line.slice(0, 80)}" instead of a port`));
        });
      }),
      setTimeout(START_TIMEOUT_MS, undefined, { signal: given.signal }).then(() => {
        throw new Error(`it printed no port within ${START_TIMEOUT_MS} ms`);
      }),
    ]);
  } finally {
    given.abort();
    lines.close();
  }
}
