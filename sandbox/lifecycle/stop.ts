import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isAlive, signalProcess } from "../host/process-identity.ts";
import { type Instance, temporaryDirectory } from "../instance.ts";
import { mountsBelow, overlaysOn, removeLeftovers } from "./leftovers.ts";
import { findRun } from "./running.ts";

/** Longer than all parts may take to stop, one after the other. */
const STOP_WITHIN_MS = 150_000;

/**
 * Stops the instance: asks its supervisor, and removes what a killed one left. Tells whether anything ran. Safe twice.
 */
export async function stopInstance(instance: Instance): Promise<boolean> {
  const run = findRun(instance);
  if (run) {
    signalProcess(run.supervisor, "SIGTERM");
    for (const deadline = Date.now() + STOP_WITHIN_MS; isAlive(run.supervisor); await setTimeout(50)) {
      if (Date.now() > deadline) signalProcess(run.supervisor, "SIGKILL");
    }
  }
  const leftovers = await removeLeftovers(instance);
  rmSync(temporaryDirectory(instance), { recursive: true, force: true });
  rmSync(join(instance.directory, "run.json"), { force: true });
  return run !== undefined || leftovers;
}

/** Stops the instance and removes its data; with `caches`, what all instances share as well. */
export async function resetInstance(instance: Instance, options: { caches: boolean }): Promise<void> {
  await stopInstance(instance);
  removeTree(instance.directory);
  if (!options.caches) return;
  const users = overlaysOn(instance.cache);
  if (users.length > 0)
    throw new Error(`${instance.cache} is not removed, since other hosts run on it: ${users.join(", ")}`);
  removeTree(instance.cache);
}

/** Never removes through a mount: what is mounted there is somebody's. */
function removeTree(directory: string): void {
  const mounts = mountsBelow(directory);
  if (mounts.length > 0)
    throw new Error(`${directory} is not removed, since something is mounted there: ${mounts.join(", ")}`);
  if (existsSync(directory)) rmSync(directory, { recursive: true, force: true });
}
