import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";

/** Held until `release`, or until this process ends in whatever way. */
export interface Lock {
  release(): void;
}

/**
 * Takes the lock `path` at once, or returns undefined when another process (or another part of this one) holds it.
 * SQLite's exclusive lock is the one file lock that Node can take by itself: the kernel drops it when its holder dies,
 * so nothing is ever stale.
 */
export function tryLock(path: string): Lock | undefined {
  mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE"); // no journal file: nothing is ever written
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === 5 /* SQLITE_BUSY */) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}

/** Runs `work` while holding the lock `path`; `waiting` is called once when somebody else holds it. */
export async function withLock<T>(path: string, waiting: () => void, work: () => Promise<T>): Promise<T> {
  let lock = tryLock(path);
  if (!lock) waiting();
  while (!lock) {
    await setTimeout(250);
    lock = tryLock(path);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}
