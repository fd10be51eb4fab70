import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { run } from "../run.ts";

/** Mounts `tree`, never changed, under `directory`/upper, where all changes go, at `directory`/root. */
export async function mountOverlay(tree: string, directory: string): Promise<void> {
  for (const path of [tree, directory]) {
    if (/[:,\\]/.test(path))
      throw new Error(`"${path}" cannot be part of an overlay: choose a directory without : , and \\`);
  }
  const layers = `lowerdir=${tree},upperdir=${join(directory, "upper")},workdir=${join(directory, "work")}`;
  await run("mount", ["-t", "overlay", "overlay", "-o", layers, join(directory, "root")]);
}

/** Whether something is mounted at the path itself (proc(5), mountinfo: blanks and the like in octal). */
export function isMounted(path: string): boolean {
  if (!existsSync(path)) return false;
  const real = realpathSync(path);
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .some(
      (point) => point.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))) === real,
    );
}

/** Unmounts everything mounted there; waits for a container that has only just ended. */
export async function unmount(path: string, withinMs = 10_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; isMounted(path); await setTimeout(50)) {
    try {
      await run("umount", [path]);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
