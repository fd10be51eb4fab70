import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { setTimeout } from "node:timers/promises";

/** What figures depend on, and how quiet the machine was before they were taken. */
export interface MachineFacts {
  date: string;
  processor: string;
  cores: number;
  memoryGiB: number;
  kernel: string;
  node: string;
  /** Mean number of processes that wanted to run in the minute before. */
  loadBefore: number;
  /** Share of all cores that was busy during a look of two seconds, 0 to 1. */
  busyBefore: number;
}

/** Other work takes part of the cores above these. */
const QUIET_LOAD = 1;
const QUIET_BUSY = 0.15;

export async function machineFacts(): Promise<MachineFacts> {
  const before = processorTimes();
  await setTimeout(2_000);
  const { busy, idle } = difference(before, processorTimes());
  return {
    date: new Date().toISOString(),
    processor: `${cpus()[0]?.model.trim() || "unknown processor"} (${arch()})`,
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    busyBefore: Math.round((busy / Math.max(1, busy + idle)) * 100) / 100,
  };
}

/** Why the figures may be spoilt; undefined on a quiet machine. */
export function disturbance({ loadBefore, busyBefore }: MachineFacts): string | undefined {
  if (loadBefore <= QUIET_LOAD && busyBefore <= QUIET_BUSY) return undefined;
  const busy = `${Math.round(busyBefore * 100)} % of the cores were busy`;
  return `other work was on this machine before the run (load ${loadBefore}, ${busy}): the figures are too high, and vary.`;
}

export function machineLine(facts: MachineFacts): string {
  const { date, processor, cores, memoryGiB, kernel, node, loadBefore, busyBefore } = facts;
  const quiet = `load before the run ${loadBefore}, ${Math.round(busyBefore * 100)} % busy`;
  return `${date.slice(0, 16).replace("T", " ")} UTC, ${cores} cores, ${processor}, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}; ${quiet}`;
}

interface ProcessorTimes {
  /** Milliseconds over all cores. */
  busy: number;
  idle: number;
}

function processorTimes(): ProcessorTimes {
  const all = cpus().map(({ times }) => times);
  const sum = (pick: (times: (typeof all)[number]) => number) => all.reduce((total, each) => total + pick(each), 0);
  return { busy: sum(({ user, nice, sys, irq }) => user + nice + sys + irq), idle: sum(({ idle }) => idle) };
}

function difference(before: ProcessorTimes, after: ProcessorTimes): ProcessorTimes {
  return { busy: after.busy - before.busy, idle: after.idle - before.idle };
}

/** Processor time of the whole machine from now on, in milliseconds: what a run costs, whichever process pays. */
export function processorMeter(): () => number {
  const before = processorTimes();
  return () => difference(before, processorTimes()).busy;
}

/**
 * Memory of a process and all that it started, in bytes: the sum of the proportional set sizes, so that what processes
 * share counts once. A process that ends meanwhile counts as none.
 */
export function treeMemory(root: number): number {
  let bytes = 0;
  for (let waiting = [root], pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    const rollup = read(`/proc/${pid}/smaps_rollup`);
    bytes += Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1_024;
    waiting.push(...childrenOf(pid));
  }
  return bytes;
}

function childrenOf(pid: number): number[] {
  // Children belong to the thread that made them.
  return read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
