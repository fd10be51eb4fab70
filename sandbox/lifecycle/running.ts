import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { consoleOf, findMachine } from "../host/machine.ts";
import { identify, isAlive, type ProcessIdentity } from "../host/process-identity.ts";
import type { Instance } from "../instance.ts";
import type { RunningProcess } from "../process.ts";
import { hostDirectory, machineName } from "./host.ts";
import { writePrivately } from "./secrets.ts";

export type Phase = "starting" | "ready" | "stopping";

/** What the supervisor writes down about itself, for `status` and `stop`. */
export interface RunRecord {
  supervisor: ProcessIdentity;
  phase: Phase;
  /** Parts that ended by themselves. */
  ended: EndedPart[];
}

/** A part that ended by itself; nothing starts it again, since that would hide the reason. */
export interface EndedPart {
  name: string;
  /** "exited with 1" */
  how: string;
  log: string;
}

const fileOf = (instance: Instance) => join(instance.directory, "run.json");

/** The running sandbox of this instance. A record that a killed supervisor left counts as none. */
export function findRun(instance: Instance): RunRecord | undefined {
  if (!existsSync(fileOf(instance))) return undefined;
  const run = JSON.parse(readFileSync(fileOf(instance), "utf8")) as RunRecord;
  return isAlive(run.supervisor) ? run : undefined;
}

/** Keeps the record of this process's run, and watches its parts. */
export class RunKeeper {
  readonly #instance: Instance;
  readonly #tell: (part: EndedPart) => void;
  readonly #ended: EndedPart[] = [];
  #phase: Phase = "starting";
  #hostTimer: NodeJS.Timeout | undefined;

  constructor(instance: Instance, tell: (part: EndedPart) => void) {
    this.#instance = instance;
    this.#tell = tell;
  }

  enter(phase: Phase): void {
    this.#phase = phase;
    this.#write();
  }

  /** Removes the record: nothing runs any more. */
  end(): void {
    clearInterval(this.#hostTimer);
    rmSync(fileOf(this.#instance), { force: true });
  }

  watch(part: RunningProcess): RunningProcess {
    void part.end.then((how) => {
      if (!part.stopping) this.#lost({ name: part.name, how, log: part.log });
    });
    return part;
  }

  /** The tenant host is not this process's child: it is looked for. */
  watchHost(): void {
    const machine = { name: machineName(this.#instance), directory: hostDirectory(this.#instance) };
    this.#hostTimer = setInterval(() => {
      if (this.#phase === "stopping" || findMachine(machine)) return;
      clearInterval(this.#hostTimer);
      this.#lost({ name: "Tenant host", how: "has ended", log: consoleOf(machine) });
    }, 2_000);
  }

  #lost(part: EndedPart): void {
    this.#ended.push(part);
    this.#write();
    this.#tell(part);
  }

  #write(): void {
    const supervisor = identify(process.pid) ?? { pid: process.pid, startTime: "" };
    const record: RunRecord = { supervisor, phase: this.#phase, ended: this.#ended };
    writePrivately(fileOf(this.#instance), `${JSON.stringify(record, undefined, 2)}\n`);
  }
}
