import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { provideEngine } from "../../../sandbox/engine/provide.ts";
import { childrenOf, identify, signalProcess } from "../../../sandbox/host/process-identity.ts";
import { CHECKOUT } from "../../../sandbox/lifecycle/project.ts";
import { serverEnvironment } from "../../../sandbox/lifecycle/server.ts";
import { startProcess } from "../../../sandbox/process.ts";
import { until } from "../../until.ts";
import type { World } from "../world.ts";

/** A worker process of a world's server, to be killed, frozen and thawed. */
export interface WorkerProcess {
  readonly pid: number;
  /** How it ended, once it has. */
  readonly ended: string | undefined;
  /** As rows name it: `<host>:<pid>:<start>`. */
  readonly name: string;
  /** What it has logged, one object a line. */
  log(): Record<string, unknown>[];
  /** Sessions of the engine and provider processes that it has started and that still run. */
  sessions(): number[];
  signal(signal: NodeJS.Signals): void;
  /** In order, as an operator does; killed when that takes too long. */
  stop(): Promise<void>;
}

let started = 0;

/**
 * Starts a process of the role `worker` beside a world whose server has the role `api`, and waits until it takes work.
 * With a `host`'s name of its own, what it sees of another worker's processes tells it nothing, as on another machine.
 */
export async function startWorkerProcess(
  { sandbox }: World,
  settings: Record<string, string> = {},
  host?: string,
): Promise<WorkerProcess> {
  const engine = await provideEngine(sandbox.instance.cache, () => {});
  const command = [process.execPath, join(CHECKOUT, "automation/main.ts"), "worker"];
  const elsewhere = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host ?? ""];
  const [program = "", ...args] = host === undefined ? command : [...elsewhere, ...command];
  const child = startProcess({
    name: "worker",
    command: program,
    args,
    cwd: CHECKOUT,
    env: { ...serverEnvironment(sandbox.instance, engine, sandbox.secrets), ...settings },
    log: join(sandbox.instance.directory, "logs", `worker-${(started += 1)}.log`),
    stopWithinMs: 40_000,
  });
  const log = (): Record<string, unknown>[] =>
    readFileSync(child.log, "utf8")
      .split("\n")
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const listening = await until(
    "a worker to start",
    () => {
      if (child.ended !== undefined) throw new Error(`the worker ${child.ended}: ${child.lastLines(20)}`);
      return log().find(({ msg }) => msg === "listening");
    },
    (line) => line !== undefined,
  );
  return {
    pid: child.pid,
    get ended() {
      return child.ended;
    },
    name: String(listening?.["worker"]),
    log,
    sessions: () => childrenOf(child.pid).filter((pid) => sessionOf(pid) === pid),
    signal: (signal) => void process.kill(child.pid, signal),
    stop: async () => await child.stop(),
  };
}

/** Processes of these sessions, with their command lines. */
export function processesOf(sessions: readonly number[]): { pid: number; command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => sessions.includes(sessionOf(pid) ?? -1) && identify(pid) !== undefined)
    .map((pid) => ({ pid, command: commandLine(pid) }));
}

/** Sends a signal to a process of a test's own, which may just have ended. */
export function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  const found = identify(pid);
  if (found !== undefined) signalProcess(found, signal);
}

function sessionOf(pid: number): number | undefined {
  try {
    // State, parent, group, session: proc(5).
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return Number(fields[3]);
  } catch {
    return undefined;
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}
