import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { withLock } from "./lock.ts";
import type { Progress } from "./progress.ts";

/**
 * Provides the directory `path` in the cache: at once when it is there; else `fill` builds it in a directory beside
 * it, which is renamed when it is complete. Two starts at once do not build twice: the second waits.
 *
 * `fill` gets the unfinished directory, with what an interrupted fill left in it, and may go on from there; with
 * `resumable: false` it finds it empty.
 */
export async function fillOnce(
  path: string,
  progress: Progress,
  fill: (unfinished: string) => Promise<void>,
  options: { resumable?: boolean } = {},
): Promise<string> {
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const waiting = () => progress("waiting for another start that is making the same");
  return await withLock(`${path}.lock`, waiting, async () => {
    if (existsSync(path)) return path;
    const unfinished = `${path}.unfinished`;
    if (!options.resumable) rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    await fill(unfinished);
    renameSync(unfinished, path);
    return path;
  });
}
