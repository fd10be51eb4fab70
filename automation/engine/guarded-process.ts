import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { setInterval } from "node:timers";

const GUARD = new URL("./guard.sh", import.meta.url).pathname;

/**
 * Seconds without a sign of life from this process after which its children are killed. Must be well below the lease's
 * time to live (automation/tenants/lease.ts), so that a lease which has run out has no process any more.
 */
export const GUARD_LIMIT_SECONDS = 12;

export interface GuardedOptions {
  cwd?: string;
  env: Readonly<Record<string, string>>;
  /** Default GUARD_LIMIT_SECONDS. */
  limitSeconds?: number;
}

export type GuardedProcess = ChildProcessByStdio<Writable, Readable, Readable>;

const fed = new Set<GuardedProcess>();
let feeding: NodeJS.Timeout | undefined;

/**
 * Starts a command that dies with this process, even when that is killed or frozen. Standard output and error are
 * pipes. Signals to the returned process are passed on; `killGuarded` ends the whole tree at once.
 */
export function spawnGuarded(command: string, args: readonly string[], options: GuardedOptions): GuardedProcess {
  const child = spawn("bash", [GUARD, String(options.limitSeconds ?? GUARD_LIMIT_SECONDS), command, ...args], {
    cwd: options.cwd,
    env: options.env,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true, // a session of its own: a Ctrl-C at the terminal is for the server, which drains
  });
  child.stdin.on("error", () => {}); // it has ended
  fed.add(child);
  feeding ??= setInterval(feed, 2_000).unref();
  const forget = (): void => {
    fed.delete(child);
    if (fed.size > 0 || feeding === undefined) return;
    clearInterval(feeding);
    feeding = undefined;
  };
  child.once("exit", forget);
  child.once("error", forget);
  return child;
}

/** Kills the command and everything it started: closing the pipe is the guard's order to do so. */
export function killGuarded(child: GuardedProcess): void {
  child.stdin.destroy();
}

/**
 * Process id of the guard under which a process of this machine runs, whoever started that; undefined when there is
 * none. It leads the session that the process belongs to.
 */
export function leaderOf(pid: number): number | undefined {
  const session = sessionOf(pid);
  if (session === undefined) return undefined;
  try {
    const [shell, script] = readFileSync(`/proc/${session}/cmdline`, "utf8").split("\0");
    return shell === "bash" && script?.endsWith("/automation/engine/guard.sh") === true ? session : undefined;
  } catch {
    return undefined;
  }
}

/** Kills all processes of a session, also such as are stopped. */
export function killSession(leader: number): void {
  // The guard last: it would otherwise be gone before its command is, and nobody would know it by then.
  const members = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== leader && sessionOf(pid) === leader);
  for (const pid of [...members, leader]) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // it has ended, or is another user's
    }
  }
}

/** proc(5), stat: the second field is the command in parentheses and may contain anything; the sixth is the session. */
function sessionOf(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return Number(fields[3]);
  } catch {
    return undefined;
  }
}

function feed(): void {
  for (const child of fed) child.stdin.write("\n");
}
