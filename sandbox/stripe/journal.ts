import { existsSync, readFileSync, renameSync } from "node:fs";
import { mkdir, open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

/** One change: an object of a kind as it is now, or its removal. */
export type Entry = readonly [kind: string, id: string, value: unknown] | readonly [kind: string, id: string];

/**
 * What the emulator knows, on disk: one JSON line for each change, so that the cost of a write does not grow with the
 * number of objects. `flush` resolves when everything appended so far is on the disk; several waiting callers share one
 * write. A line cut off by a crash was never answered for, and is dropped when the file is read again.
 */
export class Journal {
  readonly #path: string;
  #file: FileHandle | undefined;
  #waiting: string[] = [];
  #writing: Promise<void> | undefined;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Reads the file and rewrites it with only the newest state of each object (beside, then renamed over it). */
  static async open(path: string): Promise<{ journal: Journal; entries: readonly Entry[] }> {
    await mkdir(dirname(path), { recursive: true });
    const entries = existsSync(path) ? newest(readLines(path)) : [];
    const beside = `${path}.new`;
    const file = await open(beside, "w", 0o600);
    await file.writeFile(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    await file.sync();
    renameSync(beside, path);
    const journal = new Journal(path);
    journal.#file = file; // the same file under its new name: appending goes on at its end
    return { journal, entries };
  }

  append(entry: Entry): void {
    this.#waiting.push(`${JSON.stringify(entry)}\n`);
  }

  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#writing !== undefined) {
      this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
      await this.#writing;
    }
  }

  async #write(): Promise<void> {
    if (this.#file === undefined) throw new Error(`${this.#path} is closed`);
    const lines = this.#waiting;
    this.#waiting = [];
    await this.#file.writeFile(lines.join(""));
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#file?.close();
    this.#file = undefined;
  }
}

function readLines(path: string): Entry[] {
  const lines = readFileSync(path, "utf8").split("\n");
  lines.pop(); // what follows the last newline: nothing, or a line cut off
  return lines.map((line, index) => {
    try {
      return JSON.parse(line) as Entry;
    } catch (error) {
      throw new Error(`${path}, line ${index + 1}, is not JSON; delete the file to begin anew`, { cause: error });
    }
  });
}

/** In the order in which the objects first appeared. */
function newest(entries: readonly Entry[]): Entry[] {
  const byId = new Map<string, Entry>();
  for (const entry of entries) {
    const key = `${entry[0]}\n${entry[1]}`;
    if (entry.length === 3) byId.set(key, entry);
    else byId.delete(key);
  }
  return [...byId.values()];
}
