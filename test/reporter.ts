import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { styleText } from "node:util";
import { describeFailure, failedInside } from "./failure.ts";

/** Collects the events of node:test over several runs, prints them for a person, and counts. */
export class Report {
  #counts = { passed: 0, failed: 0, skipped: 0 };
  #files = new Map<string, FileRun>();
  #durations: { name: string; ms: number }[] = [];
  #failures: { title: string; detail: string }[] = [];
  #skips = new Map<string, number>();
  #eachTest = false;
  readonly #print: (line: string) => void;
  readonly #root: string;

  /** Paths are shown as seen from `root`. */
  constructor(root: string, print: (line: string) => void) {
    this.#root = root;
    this.#print = print;
  }

  /** A headline; `eachTest` shows tests as they end instead of files. */
  begin(suite: string, files: number, eachTest: boolean): void {
    this.#eachTest = eachTest;
    this.#print(styleText("bold", `${suite}: ${files} ${files === 1 ? "file" : "files"}`));
  }

  handle(event: TestEvent): void {
    switch (event.type) {
      case "test:dequeue":
        return this.#started(event.data);
      case "test:complete":
        return "entryFile" in event.data ? this.#completed(event.data) : this.#fileEnded(event.data);
      case "test:diagnostic":
        this.#told(event.data);
        return undefined;
      case "test:stdout":
      case "test:stderr":
        this.#file(event.data.file).output.push(event.data.message);
        return undefined;
      default:
        return undefined;
    }
  }

  /** Files that this machine cannot run count as skipped tests, one each. */
  skip(files: readonly string[], reason: string): void {
    this.#print(styleText("yellow", `  - skipped: ${reason}`));
    this.#counts.skipped += files.length;
    this.#skips.set(reason, (this.#skips.get(reason) ?? 0) + files.length);
  }

  /** Something other than a test that makes the run fail. */
  fail(title: string, detail = ""): void {
    this.#counts.failed += 1;
    this.#failures.push({ title, detail });
    this.#print(`  ${styleText("red", `✗ ${title}`)}`);
    if (detail !== "") this.#print(indent(detail, 6));
  }

  /** What failed files wrote: after all files of a run, since events of files that run side by side come late. */
  endRun(files: readonly string[]): void {
    const ended = new Set(files.map((path) => relative(this.#root, path)));
    for (const [path, file] of this.#files) {
      if (!ended.has(path)) continue;
      this.#files.delete(path);
      const output = file.output.join("").trimEnd();
      if (file.failed > 0 && output !== "")
        this.#print(indent(`output of ${file.path}:\n${lastLines(output, 100)}`, 4));
    }
  }

  /** Tests that have been running for longer than `ms`. */
  running(ms: number): { name: string; ms: number }[] {
    return [...this.#files.values()].flatMap((file) =>
      [...file.running.values()]
        .map(({ name, since }) => ({ name, ms: performance.now() - since }))
        .filter((test) => test.ms > ms),
    );
  }

  note(text: string): void {
    this.#print(styleText("dim", `    … ${text}`));
  }

  /** Skips, slowest tests, failures again, and the closing line. Returns the exit code: 1 as well when nothing ran. */
  end(): number {
    const { passed, failed, skipped } = this.#counts;
    for (const [reason, count] of this.#skips) this.#print(`skipped ${count}: ${reason}`);
    const slowest = this.#durations.toSorted((a, b) => b.ms - a.ms).slice(0, 5);
    if (slowest.length > 0) this.#print(`slowest:\n${slowest.map((t) => `  ${duration(t.ms)}  ${t.name}`).join("\n")}`);
    if (passed + failed + skipped === 0) this.#print(styleText("red", "no test was run"));
    if (failed > 0) this.#print("failed:");
    // With the reason once more: a service that runs tests may keep only the end of a long log.
    for (const { title, detail } of this.#failures) {
      this.#print(styleText("red", `  ✗ ${title}`));
      if (detail !== "") this.#print(indent(firstLines(detail, 15), 6));
    }
    this.#print(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
    return failed > 0 || passed + skipped === 0 ? 1 : 0;
  }

  /** Node's own closing figures have no file; its warnings (such as errors after a test's end) do. */
  #told(data: Told): void {
    if (data.file === undefined) return;
    if (this.#eachTest) this.#print(`    · ${data.message}`);
    else this.#file(data.file).output.push(`${data.message}\n`);
  }

  #started(data: Started): void {
    if (!("entryFile" in data)) return;
    const file = this.#file(entryOf(data));
    const parent = file.names.get(data.parentId ?? 0);
    const name = parent === undefined ? data.name : `${parent} › ${data.name}`;
    file.names.set(data.testId, name);
    file.running.set(data.testId, { name, since: performance.now() });
  }

  #completed(data: Completed): void {
    const file = this.#file(entryOf(data));
    const name = file.names.get(data.testId) ?? data.name;
    file.running.delete(data.testId);
    const { passed, error, type, duration_ms: ms } = data.details;
    const skip = data.skip ?? data.todo;
    if (skip !== undefined && skip !== false)
      return this.#skipped(file, name, skip === true ? "no reason given" : skip);
    if (!passed && !failedInside(error)) return this.#failed(file, name, describeFailure(error, this.#root), ms);
    if (!passed || type === "suite") return;
    this.#counts.passed += 1;
    file.passed += 1;
    this.#durations.push({ name, ms });
    if (this.#eachTest) this.#print(`  ${styleText("green", "✓")} ${name} ${styleText("dim", duration(ms))}`);
  }

  #skipped(file: FileRun, name: string, reason: string): void {
    this.#counts.skipped += 1;
    file.skipped += 1;
    this.#skips.set(reason, (this.#skips.get(reason) ?? 0) + 1);
    if (this.#eachTest) this.#print(`  ${styleText("yellow", "-")} ${name} ${styleText("dim", reason)}`);
  }

  #failed(file: FileRun, name: string, detail: string, ms: number): void {
    file.failed += 1;
    this.fail(`${file.path} › ${name} (${duration(ms)})`, detail);
  }

  /** The process of a file has ended: it may have crashed, or held no test at all. */
  #fileEnded(data: Completed): void {
    const file = this.#file(data.file);
    const { passed, error, duration_ms: ms } = data.details;
    for (const test of file.running.values())
      this.#failed(file, test.name, "did not end", performance.now() - test.since);
    const tests = file.passed + file.failed + file.skipped;
    if (passed && tests === 0) this.#failed(file, "holds no test", "", ms);
    if (!passed && !failedInside(error)) this.#failed(file, "the file itself", describeFailure(error, this.#root), ms);
    if (file.failed === 0 && !this.#eachTest) {
      this.#print(`  ${styleText("green", "✓")} ${file.path} ${styleText("dim", `${tests} in ${duration(ms)}`)}`);
    }
  }

  /** Events name a file now by its absolute path, now as seen from the working directory. */
  #file(path = "?"): FileRun {
    const shown = path.startsWith("/") ? relative(this.#root, path) : path;
    let file = this.#files.get(shown);
    if (file === undefined) {
      file = { path: shown, names: new Map(), running: new Map(), output: [], passed: 0, failed: 0, skipped: 0 };
      this.#files.set(shown, file);
    }
    return file;
  }
}

interface FileRun {
  readonly path: string;
  readonly names: Map<number, string>;
  readonly running: Map<number, { name: string; since: number }>;
  readonly output: string[];
  passed: number;
  failed: number;
  skipped: number;
}

type Started = Extract<TestEvent, { type: "test:dequeue" }>["data"];
type Told = Extract<TestEvent, { type: "test:diagnostic" }>["data"];
type Completed = Extract<TestEvent, { type: "test:complete" }>["data"];

/** The test file; `file` is where the test was written, which may be a module that the test file imports. */
function entryOf(data: Started | Completed): string | undefined {
  return "entryFile" in data && typeof data.entryFile === "string" ? data.entryFile : data.file;
}

/** 85 ms, 12.3 s, 3 min 4 s. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
}

function indent(text: string, by: number): string {
  return text.replaceAll(/^(?=.)/gm, " ".repeat(by));
}

function firstLines(text: string, count: number): string {
  const lines = text.split("\n");
  return lines.length <= count
    ? text
    : `${lines.slice(0, count).join("\n")}\n(${lines.length - count} lines more above)`;
}

function lastLines(text: string, count: number): string {
  const lines = text.split("\n");
  return lines.length <= count ? text : `(${lines.length - count} lines before)\n${lines.slice(-count).join("\n")}`;
}
