import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { stopHost } from "../host/host.ts";
import { findMachine } from "../host/machine.ts";
import { identify, isAlive, signalProcess, type ProcessIdentity } from "../host/process-identity.ts";
import type { Instance } from "../instance.ts";
import { postgresPaths } from "../postgres/configuration.ts";
import { run } from "../run.ts";
import { hostDirectory, machineName } from "./host.ts";
import { removeBridge } from "./network.ts";

/** Set for the supervisor and so for all that it starts: tells an instance's processes from the machine's others. */
export const MARK = "ODOO_TENANTS_SUPERVISED";

const STOP_WITHIN_MS = 15_000;

/**
 * Ends and removes whatever a run of this instance left, however it ended: processes, the tenant host, mounts, the
 * bridge. Tells whether anything still ran. The calling process is spared.
 */
export async function removeLeftovers(instance: Instance): Promise<boolean> {
  const machine = { name: machineName(instance), directory: hostDirectory(instance) };
  const ran = findMachine(machine) !== undefined || leftProcesses(instance).length > 0;
  await Promise.all([endProcesses(instance), stopHost(machine.name, machine.directory)]);
  for (const mount of mountsBelow(instance.directory)) await run("umount", [mount]);
  if (process.platform === "linux") await removeBridge(instance);
  return ran;
}

async function endProcesses(instance: Instance): Promise<void> {
  const deadline = Date.now() + STOP_WITHIN_MS;
  const asked = new Set<number>();
  for (;;) {
    // Looked for again and again: one that ends may have started another just before.
    const left = leftProcesses(instance);
    if (left.length === 0) return;
    const late = Date.now() > deadline;
    for (const { process: each, isPostgres } of left) {
      if (late) signalProcess(each, "SIGKILL");
      else if (!asked.has(each.pid)) signalProcess(each, isPostgres ? "SIGINT" : "SIGTERM");
      asked.add(each.pid);
    }
    if (Date.now() > deadline + STOP_WITHIN_MS) {
      throw new Error(`processes cannot be ended: ${left.map((each) => each.process.pid).join(", ")}`);
    }
    await setTimeout(50);
  }
}

interface LeftProcess {
  process: ProcessIdentity;
  /** To be asked otherwise: SIGTERM would wait for its clients. */
  isPostgres: boolean;
}

function leftProcesses(instance: Instance): LeftProcess[] {
  const marked = markedProcesses(MARK, instance.directory).map((each) => ({ process: each, isPostgres: false }));
  const postmaster = process.platform === "linux" ? readPostmaster(instance) : undefined;
  const found = postmaster === undefined ? undefined : identify(postmaster);
  if (!found || !isAlive(found)) return marked;
  return [...marked.filter((each) => each.process.pid !== postmaster), { process: found, isPostgres: true }];
}

/** Those that have a variable in their environment, but for the calling one. */
export function markedProcesses(variable: string, value: string): ProcessIdentity[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && isMarked(name, `${variable}=${value}`))
    .map((name) => identify(Number(name)))
    .filter((found) => found !== undefined && isAlive(found)) as ProcessIdentity[];
}

function isMarked(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(mark);
  } catch {
    return false; // it has ended, or is another user's
  }
}

/** PostgreSQL's own note of its main process, when that still is one of this instance. */
function readPostmaster(instance: Instance): number | undefined {
  const { data } = postgresPaths(instance);
  const file = join(data, "postmaster.pid");
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(data) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Mount points of overlays whose lower layer lies in a directory. */
export function overlaysOn(directory: string, mountinfo = readMountinfo()): string[] {
  const overlays = mountinfo.split("\n").filter((line) => line.includes(`lowerdir=${directory}/`));
  return overlays.map((line) => line.split(" ")[4] ?? "");
}

/** Mount points below a directory, the deepest first (proc(5), mountinfo: octal escapes for blanks). */
export function mountsBelow(directory: string, mountinfo = readMountinfo()): string[] {
  const points = mountinfo
    .split("\n")
    .map((line) =>
      (line.split(" ")[4] ?? "").replace(/\\(\d{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    );
  return points.filter((point) => point.startsWith(`${directory}/`)).toSorted((a, b) => b.length - a.length);
}

function readMountinfo(): string {
  return existsSync("/proc/self/mountinfo") ? readFileSync("/proc/self/mountinfo", "utf8") : "";
}
