import { readFileSync } from "node:fs";

/** A process, told apart from a later one that got the same number. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks between the machine's start and the process's (proc(5), stat, field 22). */
  startTime: string;
}

/** Identity of a running process, or undefined when there is none of that number or only its exit status is left. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    // The second field is the command in parentheses and may contain anything.
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    const startTime = fields[18];
    return state === "Z" || state === "X" || startTime === undefined ? undefined : { pid, startTime };
  } catch {
    return undefined;
  }
}

export function isAlive(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startTime === process.startTime;
}

/** Sends the signal unless the process has ended. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch {
    // It has ended in between.
  }
}

/** Direct children of a process's main thread. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
