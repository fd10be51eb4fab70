import { writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { type CliResult, runCli } from "./cli.ts";
import {
  type CommandOptions,
  type Deployment,
  type Engine,
  EngineFailure,
  type EngineResult,
  type ExportOptions,
  type FailureKind,
  type Fence,
  type ProgramRun,
  type StackRun,
} from "./engine.ts";
import { type ProviderPlugin, Providers } from "./providers.ts";
import { redactor } from "./redact.ts";
import { RunLog } from "./run-log.ts";
import { Slot } from "./slot.ts";
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
    await this.#backend(() => this.#fence?.raise(fence));
  }

  async createStack(stack: string, options: CommandOptions = {}): Promise<void> {
    await this.#create(stack, options);
  }

  /** False when it was there already. */
  async #create(stack: string, options: CommandOptions): Promise<boolean> {
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
      if (error instanceof EngineFailure && error.kind === "no-stack") return { ...error.result, changes: {} };
      throw error;
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
    const work = await makeWorkDir(stack, this.#options.secrets());
    try {
      await writeFile(`${work.path}/state.json`, JSON.stringify(state), { mode: 0o600 });
      const args = ["stack", "import", "--stack", stack, "--file", "state.json", "--non-interactive"];
      const { code, stderr } = await runCli(args, {
        command: this.#options.command,
        cwd: work.path,
        env: this.#envOf(options),
        signal: options.signal,
      });
      if (code !== 0) throw failure(kindOf(stderr), stderr);
    } finally {
      await work.remove();
    }
  }

  async unlock(stack: string, options: CommandOptions = {}): Promise<void> {
    const { code, stderr } = await this.#command(["cancel", "--yes", "--stack", stack], stack, options);
    if (code === 0) return;
    if (kindOf(stderr) !== "no-stack") throw failure("engine", stderr);
    // Making a stack takes its lock as well: whoever died at that has left one of a stack that does not exist, and the
    // CLI has no command for it.
    await this.#backend(() => this.#fence?.removeLocks(stack));
  }

  async close(): Promise<void> {
    while (this.#free.length < this.#slots.length) await setTimeout(50);
    await Promise.all([...this.#slots.map((slot) => slot.close()), this.#fence?.close()]);
  }

  async #run(verb: "up" | "preview" | "destroy", run: StackRun & Partial<ProgramRun>): Promise<EngineResult> {
    return this.#inSlot(run, async (slot, timings) => {
      const redact = redactor(run.secrets ?? []);
      const log = new RunLog(redact, run.onEvent);
      const work = await makeWorkDir(run.stack, this.#options.secrets(), run.config);
      try {
        const began = performance.now();
        const outcome = await slot.run({
          log,
          signal: run.signal,
          request: {
            verb,
            stack: run.stack,
            workDir: work.path,
            env: this.#envOf(run),
            pulumiVersion: this.#options.version,
            program: run.program,
            refresh: run.refresh ?? false,
          },
        });
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
      } finally {
        await work.remove();
      }
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

  async #backend(work: () => Promise<void> | undefined): Promise<void> {
    try {
      await work();
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

  /** A command that needs neither program nor providers, and so no slot. */
  async #command(args: readonly string[], stack: string, options: CommandOptions): Promise<CliResult> {
    const work = await makeWorkDir(stack, this.#options.secrets());
    try {
      return await runCli([...args, "--non-interactive"], {
        command: this.#options.command,
        cwd: work.path,
        env: this.#envOf(options),
        signal: options.signal,
      });
    } finally {
      await work.remove();
    }
  }
}

interface Exported {
  readonly deployment: Deployment["deployment"] | null;
}

function resultOf(
  log: RunLog,
  outputs: Readonly<Record<string, unknown>>,
  timings: Readonly<Record<string, number>>,
): EngineResult {
  return { changes: log.changes, resources: log.resources, diagnostics: log.diagnostics, outputs, timings };
}

const NOTHING: EngineResult = { changes: {}, resources: [], diagnostics: [], outputs: {}, timings: {} };

function failure(kind: FailureKind, message: string, result: EngineResult = NOTHING): EngineFailure {
  return new EngineFailure(kind, message.trim().slice(-4_000), result);
}

function kindOf(message: string): FailureKind {
  if (/the stack is currently locked by/.test(message)) return "locked";
  if (/no stack named|stack .* not found/i.test(message)) return "no-stack";
  if (
    /incorrect passphrase|could not (open|connect)|failed to (load|open) (checkpoint|bucket|state)|unable to (open|check) bucket|problem logging in|no resource plugin|plugin .* not found|cannot run /i.test(
      message,
    )
  ) {
    return "engine";
  }
  return "failed";
}

function since(began: number): number {
  return Math.round(performance.now() - began);
}
