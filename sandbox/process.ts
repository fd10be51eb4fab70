import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";

export interface ProcessOptions {
  /** As people call it: "PostgreSQL". */
  name: string;
  command: string;
  args: readonly string[];
  /** Both outputs go here; what the last start wrote is kept beside it, with ".1" behind its name. */
  log: string;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Default: this process's. */
  user?: { uid: number; gid: number };
  /** Asks it to stop. Default SIGTERM. */
  stopSignal?: NodeJS.Signals;
  /** Time it has for that before it is killed. Default 20 s. */
  stopWithinMs?: number;
}

/** A part of the sandbox that runs until it is stopped. */
export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  readonly log: string;
  /** Whether it has been asked to stop. */
  readonly stopping: boolean;
  /** How it ended, once it has: "exited with 1". */
  readonly ended: string | undefined;
  /** Resolves with that when it ends, whether asked to or not. */
  readonly end: Promise<string>;
  lastLines(count: number): string;
  /** Asks it to stop, and kills it when it does not. Resolves when it is gone. Safe twice. */
  stop(): Promise<void>;
}

/**
 * Starts a process that outlives no stop. It has a process group of its own, so that Ctrl-C in a terminal reaches only
 * whoever stops the parts in their order.
 */
export function startProcess(options: ProcessOptions): RunningProcess {
  const log = openLog(options.log);
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["ignore", log, log],
    detached: true,
    ...options.user,
  });
  closeSync(log);
  let stopping = false;
  let ended: string | undefined;
  const end = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("exit", (code, signal) => resolve(code === null ? `ended by ${signal}` : `exited with ${code}`));
  }).then((how) => (ended = how));
  return {
    name: options.name,
    pid: child.pid ?? 0,
    log: options.log,
    get stopping() {
      return stopping;
    },
    get ended() {
      return ended;
    },
    end,
    lastLines: (count) => lastLines(options.log, count),
    async stop() {
      stopping = true;
      if (ended) return;
      child.kill(options.stopSignal ?? "SIGTERM");
      const deadline = setTimeout(options.stopWithinMs ?? 20_000, "late", { ref: false });
      if ((await Promise.race([end, deadline])) === "late") child.kill("SIGKILL");
      await end;
    },
  };
}

/** The end of a log file, for error messages. */
export function lastLines(file: string, count: number): string {
  if (!existsSync(file)) return "";
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n");
}

/** Opens a log anew; the previous one is kept as `<file>.1`. */
export function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (existsSync(file)) renameSync(file, `${file}.1`);
  return openSync(file, "a", 0o600);
}
