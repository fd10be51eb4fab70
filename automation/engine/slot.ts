import { Worker } from "node:worker_threads";
import { type CliResult, runCli } from "./cli.ts";
import type { FromThread, RunRequest, ToThread } from "./program-messages.ts";
import type { Providers } from "./providers.ts";
import type { RunLog } from "./run-log.ts";

export interface SlotOptions {
  /** Path of the CLI. */
  command: string;
  /** URL of the module whose default export makes the inline program. */
  programModule: string;
  providers: Providers;
}

export interface SlotRun {
  request: RunRequest;
  log: RunLog;
  signal?: AbortSignal | undefined;
}

export type SlotOutcome = { ok: true; outputs: Readonly<Record<string, unknown>> } | { ok: false; message: string };

/**
 * A run's short-lived objects fill whatever room they are given before they are collected: with the default of 48 MB a
 * thread rests at 62 MiB, with this at 52.
 */
const YOUNG_GENERATION_MB = 8;

/** Room for one update at a time: a thread for its program, and its own provider processes. */
export class Slot {
  readonly #options: SlotOptions;
  #thread: Promise<Worker> | undefined;

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  get providers(): Providers {
    return this.#options.providers;
  }

  /** Starts what the first run will need. */
  async warm(): Promise<void> {
    await Promise.all([this.#ready(), this.providers.attach()]);
  }

  async run(run: SlotRun): Promise<SlotOutcome> {
    const [thread, attached] = await Promise.all([this.#ready(), this.providers.attach()]);
    const { promise, resolve } = Promise.withResolvers<SlotOutcome>();
    const onMessage = (message: FromThread): void => {
      if (message.kind === "event") run.log.add(message.event);
      else if (message.kind === "succeeded") resolve({ ok: true, outputs: message.outputs });
      else if (message.kind === "failed") resolve({ ok: false, message: message.message });
      else if (message.kind === "command") {
        const options = {
          command: this.#options.command,
          cwd: run.request.workDir,
          env: withProviders({ ...run.request.env, ...message.env }, attached),
          signal: run.signal,
        };
        runCli(message.args, options)
          .catch((error: unknown): CliResult => ({
            code: -1,
            stdout: "",
            stderr: `cannot run ${this.#options.command}: ${(error as Error).message}`,
          }))
          .then((ended) =>
            thread.postMessage({ kind: "command-ended", call: message.call, ...ended } satisfies ToThread),
          )
          .catch(() => {}); // the thread is gone: its exit has ended the run
      }
    };
    const onError = (error: Error): void =>
      resolve({ ok: false, message: `the program's thread failed: ${error.message}` });
    const onExit = (): void => resolve({ ok: false, message: "the program's thread ended" });
    thread.on("message", onMessage).once("error", onError).once("exit", onExit);
    thread.postMessage({ kind: "run", request: run.request } satisfies ToThread);
    const outcome = await promise;
    thread.off("message", onMessage).off("error", onError).off("exit", onExit);
    if (!outcome.ok) await this.#replaceThread(thread); // what a failed program left hanging must not reach the next run
    return outcome;
  }

  async close(): Promise<void> {
    this.providers.renew();
    const thread = await this.#thread?.catch(() => undefined);
    this.#thread = undefined;
    await thread?.terminate();
  }

  #ready(): Promise<Worker> {
    this.#thread ??= this.#start().catch((error: unknown) => {
      this.#thread = undefined;
      throw error;
    });
    return this.#thread;
  }

  async #start(): Promise<Worker> {
    const thread = new Worker(new URL("./program-thread.ts", import.meta.url), {
      workerData: { programModule: this.#options.programModule },
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
      env: { PATH: process.env["PATH"] ?? "" }, // the SDK reads settings from the environment; none of the server's are for it
    });
    await new Promise<void>((resolve, reject) => {
      thread.once("message", () => resolve());
      thread.once("error", reject);
      thread.once("exit", (code) => reject(new Error(`the program's thread ended with ${code}`)));
    });
    return thread;
  }

  async #replaceThread(thread: Worker): Promise<void> {
    this.#thread = undefined;
    await thread.terminate();
  }
}

function withProviders(env: Readonly<Record<string, string>>, attached: string): Record<string, string> {
  return attached === "" ? { ...env } : { ...env, PULUMI_DEBUG_PROVIDERS: attached };
}
