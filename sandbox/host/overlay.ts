import { readFileSync } from "node:fs";
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

export function isMounted(path: string): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[4] === path);
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
