import { readFileSync } from "node:fs";
import { run } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Leftovers } from "./leftovers.ts";
import { duration, Report } from "./reporter.ts";
import { filesOf, SUITES, type Suite } from "./suites.ts";

const USAGE = `node test/run.ts [suite...] [part of a file's path...] [--name pattern] [--strict]
  suites: ${SUITES.map((suite) => suite.name).join(", ")} (all when none is named)
  --name     only tests whose name matches the regular expression
  --strict   what this machine cannot run fails instead of being skipped (CI)`;

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: "string" },
    strict: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const named = SUITES.filter((suite) => positionals.includes(suite.name));
const parts = positionals.filter((word) => !SUITES.some((suite) => suite.name === word));

const report = new Report(root, (line) => console.log(line));
const stop = new AbortController();
let interrupts = 0;

if (options.help) {
  console.log(USAGE);
} else {
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  const heartbeat = setInterval(tellRunning, 1000);
  process.chdir(root);
  for (const suite of named.length > 0 ? named : SUITES) await runSuite(suite);
  clearInterval(heartbeat);
  if (interrupts > 0) report.fail("interrupted");
  process.exitCode = report.end();
}

async function runSuite(suite: Suite): Promise<void> {
  const files = filesOf(suite, root, parts);
  if (files.length === 0 || interrupts > 0) return;
  report.begin(suite.name, files.length, suite.hosts);
  const missing = suite.missing();
  if (missing !== undefined) {
    if (options.strict) report.fail(`${suite.name} cannot run here`, missing);
    else report.skip(files, missing);
    return;
  }
  const leftovers = Leftovers.watch(suite.hosts);
  // A call of its own for each long file, so that none starts after Ctrl-C.
  const batches = (suite.hosts ? files.map((file) => [file]) : [files]).values();
  const lane = async (): Promise<void> => {
    for (const batch of batches) if (interrupts === 0) await runFiles(suite, batch);
  };
  await Promise.all(Array.from({ length: suite.hosts ? suite.atOnce : 1 }, lane));
  const left = await leftovers.remaining(3_000);
  if (left.length > 0) report.fail(`${suite.name} left something behind`, left.join("\n"));
  await leftovers.remove();
}

/** One call of node:test; given up when nothing happens for longer than any test may take. */
async function runFiles(suite: Suite, files: string[]): Promise<void> {
  const idle = new AbortController();
  const idleMs = suite.timeoutMs + 30_000;
  const giveUp = setTimeout(() => {
    report.note(`no news for ${duration(idleMs)}: a server, timer or child process keeps a test file from ending`);
    idle.abort();
  }, idleMs);
  const events = run({
    files,
    concurrency: suite.hosts ? 1 : suite.atOnce,
    timeout: suite.timeoutMs,
    signal: AbortSignal.any([stop.signal, idle.signal]),
    ...(options.name === undefined ? {} : { testNamePatterns: new RegExp(options.name) }),
  });
  for await (const event of events as AsyncIterable<TestEvent>) {
    giveUp.refresh();
    report.handle(event);
  }
  clearTimeout(giveUp);
  report.endRun(files);
}

/**
 * The first Ctrl-C is passed to the test files, which undo what they made (undo.ts); no further file starts. The
 * second gives up on them.
 */
function interrupt(signal: NodeJS.Signals): void {
  interrupts += 1;
  if (interrupts > 1) return stop.abort();
  report.note("interrupted: the running tests undo what they made; once more to leave it");
  for (const child of children()) process.kill(child, signal);
}

/** Process ids of the test files that run now. Elsewhere than on Linux only the terminal's own signal reaches them. */
function children(): number[] {
  if (process.platform !== "linux") return [];
  const list = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8");
  return list.split(" ").filter(Boolean).map(Number);
}

/** A line after 10 and 30 seconds, then every minute, for each test that runs so long. */
function tellRunning(): void {
  for (const { name, ms } of report.running(10_000)) {
    const seconds = Math.floor(ms / 1000);
    if (seconds === 10 || seconds === 30 || seconds % 60 === 0)
      report.note(`${name}: running for ${duration(seconds * 1000)}`);
  }
}
