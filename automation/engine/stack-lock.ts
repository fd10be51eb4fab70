import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { killSession, leaderOf } from "./guarded-process.ts";

/** A lock of a self-managed backend, as its error tells of it. */
export interface StackLock {
  host: string;
  pid: number;
  at: Date;
}

/** "created by root@worker-1 (pid 4711) at 2026-11-24T08:26:56Z", one line for each lock. */
export function locksIn(message: string): StackLock[] {
  return [...message.matchAll(/created by [^@\s]*@(\S+) \(pid (\d+)\) at (\S+)/g)].map(
    ([, host = "", pid, at = ""]) => ({ host, pid: Number(pid), at: new Date(at) }),
  );
}

export interface EndedRun {
  /** `<host>:...` */
  worker: string;
  startedAt: Date;
  finishedAt: Date;
}

/**
 * Whether a lock was left behind: made on the host of a run of ours that has ended (its processes are dead by then: see
 * guarded-process.ts) while that ran, and by a process that is not there any more as far as this machine can tell. An
 * operator's lock fits no run, and is respected.
 */
export function isLeftBehind(
  lock: StackLock,
  ended: readonly EndedRun[],
  isAlive: (lock: StackLock) => boolean = isAliveHere,
): boolean {
  return runOf(lock, ended) !== undefined && !isAlive(lock);
}

function runOf({ host, at }: StackLock, ended: readonly EndedRun[]): EndedRun | undefined {
  return ended.find(
    ({ worker, startedAt, finishedAt }) =>
      worker.split(":")[0] === host &&
      at.getTime() >= startedAt.getTime() - 2_000 &&
      at.getTime() <= finishedAt.getTime() + 2_000,
  );
}

/**
 * Ends what made the lock when that is a run of ours that has ended by its row, but whose processes are still there: on
 * this machine, frozen together with the worker and the guard that would have killed them. An operator's process has no
 * such guard and is left alone. Resolves when they are gone, or after some seconds.
 */
export async function endOwner(lock: StackLock, ended: readonly EndedRun[], withinMs = 5_000): Promise<void> {
  if (runOf(lock, ended) === undefined || !isAliveHere(lock)) return;
  const leader = leaderOf(lock.pid);
  if (leader === undefined) return;
  killSession(leader);
  for (const deadline = performance.now() + withinMs; isAliveHere(lock) && performance.now() < deadline;)
    await setTimeout(50);
}

/** Whether it was made on this machine, by a process that is not there any more. */
export function isOfDeadProcess(lock: StackLock): boolean {
  return lock.host === hostname() && !isAliveHere(lock);
}

function isAliveHere({ host, pid }: StackLock): boolean {
  if (host !== hostname()) return false;
  try {
    return /pulumi/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8")); // the number may belong to another program by now
  } catch {
    return false;
  }
}
