import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type CliResult, runCli } from "./cli.ts";
import {
  type CommandOptions,
  type Deployment,
  type Engine,
  EngineFailure,
  type EngineResult,
  type ExportOptions,
  type Fence,
  type ProgramRun,
  type StackRun,
} from "./engine.ts";
import { failure, kindOf, resultOf } from "./outcome.ts";
import { isRefused, otherKey, type SecretsKey } from "./passphrase.ts";
import { type ProviderPlugin, Providers } from "./providers.ts";
import { redactor } from "./redact.ts";
import { RunLog } from "./run-log.ts";
import { Slot, type SlotOutcome } from "./slot.ts";
import { StateFence } from "./state-fence.ts";
import { makeWorkDir, removeAbandonedWorkDirs, type SecretsSettings } from "./workspace.ts";

export interface PulumiEngineOptions {
  /** Path of the CLI, or its name on PATH. */
  command: string;
  /** Of that CLI, without `v`. */
  version: string;
  /** Environment of the CLI: see environment.ts. */
  env: Readonly<Record<string, string>>;
  /** Where plugins are. */
  pulumiHome: string;
  /** Looked at for each run: the passphrase, and the salt with it, may be exchanged meanwhile. */
  secrets: () => SecretsSettings;
  /** URL of the module whose default export, given the arguments of a run, returns the inline program. */
  programModule: string;
  parallelism: number;
  plugins: readonly ProviderPlugin[];
  log?: (line: string) => void;
}

/** The engine as the official CLI, driven by the Automation API. */
export class PulumiEngine implements Engine {
  readonly parallelism: number;
  /** Of the CLI, without `v`. */
  readonly version: string;
  readonly #options: PulumiEngineOptions;
  readonly #slots: readonly Slot[];
  readonly #free: Slot[];
  readonly #waiting: ((slot: Slot) => void)[] = [];
  readonly #log: (line: string) => void;
  readonly #fence: StateFence | undefined;

  constructor(options: PulumiEngineOptions) {
    this.#options = options;
    this.parallelism = options.parallelism;
    this.version = options.version;
    this.#log = options.log ?? (() => {});
    this.#fence = StateFence.of(options.env["PULUMI_BACKEND_URL"] ?? "", this.#log);
    this.#slots = Array.from({ length: options.parallelism }, () => {
      const providers = new Providers(options.plugins, options.pulumiHome, options.env, this.#log);
      return new Slot({ command: options.command, programModule: options.programModule, providers });
    });
    this.#free = [...this.#slots];
  }

  /** Starts threads and providers, so that the first tenant does not wait for them. */
  async warm(): Promise<void> {
    const tidied = removeAbandonedWorkDirs().catch((error: unknown) =>
      this.#log(`directories of earlier runs could not be removed: ${(error as Error).message}`),
    );
    await Promise.all([tidied, ...this.#slots.map((slot) => slot.warm())]);
  }

  async raiseFence(fence: Fence): Promise<void> {
    await this.#backend(this.#fence?.raise(fence));
  }

  async createStack(stack: string, options: CommandOptions = {}): Promise<void> {
    await this.#create(stack, options);
  }

  /** False when it was there already. */
  async #create(stack: string, options: CommandOptions): Promise<boolean> {
    if (this.#fence !== undefined && (await this.#backend(this.#fence.rows.make(stack, options.fence)))) return true;
    const { code, stderr } = await this.#command(["stack", "init", stack, "--no-select"], stack, options);
    if (code === 0) return true;
    if (/already exists/.test(stderr)) return false;
    throw failure(kindOf(stderr) === "locked" ? "locked" : "engine", stderr);
  }

  async removeEmptyStack(stack: string, options: CommandOptions = {}): Promise<void> {
    // Without --force it refuses a stack with resources.
    const left = await this.#command(["stack", "rm", "--yes", "--stack", stack], stack, options).then(
      ({ code, stderr }) => (code === 0 ? "" : stderr.trim()),
      (error: unknown) => (error as Error).message,
    );
    if (left !== "") this.#log(`the empty stack ${stack} stays: ${left}`);
  }

  async up(run: ProgramRun): Promise<EngineResult> {
    try {
      return await this.#run("up", run);
    } catch (error) {
      if (!(error instanceof EngineFailure) || error.kind !== "no-stack") throw error;
      await this.createStack(run.stack, run);
      return await this.#run("up", run);
    }
  }

  async preview(run: ProgramRun): Promise<EngineResult> {
    try {
      return await this.#run("preview", run);
    } catch (error) {
      if (!(error instanceof EngineFailure) || error.kind !== "no-stack") throw error;
      const isNew = await this.#create(run.stack, run);
      try {
        return await this.#run("preview", run);
      } finally {
        if (isNew) await this.removeEmptyStack(run.stack, run);
      }
    }
  }

  async destroy(run: StackRun): Promise<EngineResult> {
    try {
      return await this.#run("destroy", run);
    } catch (error) {
      if (!(error instanceof EngineFailure) || error.kind !== "no-stack") throw error;
      // The CLI removes the stack, then its lock: whoever died in between has left a lock that no command finds any more.
      await this.#backend(this.#fence?.rows.removeLocks(run.stack));
      return { ...error.result, changes: {} };
    }
  }

  async exportState(stack: string, options: ExportOptions = {}): Promise<Deployment | undefined> {
    const args = ["stack", "export", "--stack", stack, ...(options.showSecrets === true ? ["--show-secrets"] : [])];
    const { code, stdout, stderr } = await this.#command(args, stack, { signal: options.signal });
    if (code === 0) {
      const { deployment, ...rest } = JSON.parse(stdout) as Omit<Deployment, "deployment"> & Exported;
      return { ...rest, deployment: deployment ?? {} }; // null of a stack that was never updated
    }
    if (kindOf(stderr) === "no-stack") return undefined;
    throw failure("engine", stderr);
  }

  async importState(stack: string, state: Deployment, options: CommandOptions = {}): Promise<void> {
    const files = { "state.json": JSON.stringify(state) };
    const { code, stderr } = await this.#command(
      ["stack", "import", "--stack", stack, "--file", "state.json"],
      stack,
      options,
      files,
    );
    if (code !== 0) throw failure(kindOf(stderr), stderr);
  }

  async unlock(stack: string, options: CommandOptions = {}): Promise<void> {
    const { code, stderr } = await this.#command(["cancel", "--yes", "--stack", stack], stack, options);
    if (code === 0) return;
    if (kindOf(stderr) !== "no-stack") throw failure("engine", stderr);
    // Making a stack takes its lock as well: whoever died at that has left one of a stack that does not exist, and the
    // CLI has no command for it.
    await this.#backend(this.#fence?.rows.removeLocks(stack));
  }

  async close(): Promise<void> {
    while (this.#free.length < this.#slots.length) await setTimeout(50);
    await Promise.all([...this.#slots.map((slot) => slot.close()), this.#fence?.close()]);
  }

  async #run(verb: "up" | "preview" | "destroy", run: StackRun & Partial<ProgramRun>): Promise<EngineResult> {
    return this.#inSlot(run, async (slot, timings) => {
      const redact = redactor(run.secrets ?? []);
      const once = async (key: SecretsKey): Promise<{ log: RunLog; outcome: SlotOutcome }> => {
        const log = new RunLog(redact, run.onEvent);
        const work = await makeWorkDir(run.stack, key.secrets, run.config);
        const { stack, program, refresh = false } = run;
        const { version: pulumiVersion } = this.#options;
        const request = { verb, stack, workDir: work.path, env: key.env, pulumiVersion, program, refresh };
        try {
          return { log, outcome: await slot.run({ log, signal: run.signal, request }) };
        } finally {
          await work.remove();
        }
      };
      const began = performance.now();
      const key = this.#keyOf(run);
      const first = await once(key);
      const other = first.outcome.ok || !isRefused(first.outcome.message) ? undefined : otherKey(key);
      const { log, outcome } =
        other === undefined || first.log.resources.length > 0 || run.signal?.aborted === true
          ? first
          : await once(other);
      timings["engineMs"] = since(began);
      for (const [name, urns] of log.providers)
        if (urns.size > 1 && slot.providers.isAttached(name)) slot.providers.exclude(name);
      const result = resultOf(log, outcome.ok ? outcome.outputs : {}, timings);
      if (outcome.ok) return result;
      if (run.signal?.aborted === true) slot.providers.renew();
      const said = result.diagnostics.find(({ severity }) => severity === "error")?.message.split("\n")[0];
      throw failure(
        run.signal?.aborted === true ? "aborted" : kindOf(outcome.message),
        said ?? redact(outcome.message),
        result,
      );
    });
  }

  async #inSlot<T>(run: StackRun, work: (slot: Slot, timings: Record<string, number>) => Promise<T>): Promise<T> {
    const asked = performance.now();
    const slot = this.#free.pop() ?? (await new Promise<Slot>((resolve) => this.#waiting.push(resolve)));
    try {
      run.signal?.throwIfAborted();
      return await work(slot, { slotMs: since(asked) });
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(slot);
      else next(slot);
    }
  }

  async #backend<T>(work: Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      throw failure("engine", `the state backend does not answer: ${(error as Error).message}`);
    }
  }

  #envOf({ fence }: CommandOptions): Readonly<Record<string, string>> {
    const { env } = this.#options;
    return fence === undefined || this.#fence === undefined
      ? env
      : { ...env, PULUMI_BACKEND_URL: this.#fence.urlFor(fence) };
  }

  #keyOf(options: CommandOptions): SecretsKey {
    return { env: this.#envOf(options), secrets: this.#options.secrets() };
  }

  /** A command that needs neither program nor providers, and so no slot. `files`: what it finds in its directory. */
  async #command(
    args: readonly string[],
    stack: string,
    options: CommandOptions,
    files: Readonly<Record<string, string>> = {},
    key = this.#keyOf(options),
  ): Promise<CliResult> {
    const work = await makeWorkDir(stack, key.secrets);
    let result: CliResult;
    try {
      for (const [name, text] of Object.entries(files)) await writeFile(join(work.path, name), text, { mode: 0o600 });
      result = await runCli([...args, "--non-interactive"], {
        command: this.#options.command,
        cwd: work.path,
        env: key.env,
        signal: options.signal,
      });
    } finally {
      await work.remove();
    }
    const other = result.code !== 0 && isRefused(result.stderr) ? otherKey(key) : undefined;
    return other === undefined ? result : this.#command(args, stack, options, files, other);
  }
}

interface Exported {
  readonly deployment: Deployment["deployment"] | null;
}

function since(began: number): number {
  return Math.round(performance.now() - began);
}
