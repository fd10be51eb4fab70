import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { missingForHost } from "../../needs.ts";
import { until } from "../../until.ts";

const PARTS = ["run", "suites", "needs", "failure", "reporter", "leftovers", "undo"];
const onlyWithHost = { skip: missingForHost() ?? false };

test("a passing run ends with the plain closing line and exit code 0", async (t) => {
  const { lines, code } = await runner(t, { "unit/a.test.ts": `test("one is one", () => {});` }).ended;
  assert.equal(lines.at(-1), "1 passed, 0 failed");
  assert.equal(code, 0);
});

test("a failure is shown with its file, its group, its difference and its place", async (t) => {
  const files = {
    "unit/a.test.ts": `describe("sums", () => { test("two and two", () => { assert.equal(2 + 2, 5); }); test("fine", () => {}); });`,
  };
  const { lines, code, text } = await runner(t, files).ended;
  assert.equal(lines.at(-1), "1 passed, 1 failed");
  assert.equal(code, 1);
  assert.match(text, /✗ test\/unit\/a\.test\.ts › sums › two and two/);
  assert.match(text, /4 !== 5/);
  assert.match(text, /\(test\/unit\/a\.test\.ts:\d+:\d+\)/);
  assert.doesNotMatch(text, /\(node:/);
  // And at the end once more, where a service that keeps only the last lines of a log shows it.
  assert.match(text, /\nfailed:\n +✗ [^\n]*two and two[^]*4 !== 5[^]*\n1 passed, 1 failed\s*$/);
});

test("a failure inside a test counts once", async (t) => {
  const files = {
    "unit/a.test.ts": `test("outer", async (t) => { await t.test("inner", () => { throw new Error("no"); }); });`,
  };
  const { lines } = await runner(t, files).ended;
  assert.equal(lines.at(-1), "0 passed, 1 failed");
});

test("a file that crashes or holds no test fails, and the crash is shown", async (t) => {
  const files = {
    "unit/a.test.ts": `throw new Error("cannot even start");`,
    "unit/b.test.ts": `console.log("no test here");`,
  };
  const { lines, code, text } = await runner(t, files).ended;
  assert.equal(lines.at(-1), "0 passed, 2 failed");
  assert.equal(code, 1);
  assert.match(text, /output of test\/unit\/a\.test\.ts:\n[^]*cannot even start/);
  assert.match(text, /its process ended with exit code 1/);
  assert.match(text, /b\.test\.ts › holds no test/);
});

test("an error after a test's end fails its file, and is told", async (t) => {
  const files = {
    "unit/a.test.ts": `test("ends too soon", () => { void setTimeout(50).then(() => { throw new Error("too late"); }); });`,
  };
  const { lines, text } = await runner(t, files).ended;
  assert.equal(lines.at(-1), "1 passed, 1 failed");
  assert.match(text, /output of test\/unit\/a\.test\.ts:\n[^]*too late/);
});

test("a skipped test is counted and its reason told", async (t) => {
  const { lines, code, text } = await runner(t, {
    "unit/a.test.ts": `test("one", () => {}); test("two", { skip: "no moon" }, () => {});`,
  }).ended;
  assert.equal(lines.at(-1), "1 passed, 0 failed, 1 skipped");
  assert.equal(code, 0);
  assert.match(text, /skipped 1: no moon/);
});

test("a run without any test fails", async (t) => {
  const { lines, code } = await runner(t, {}).ended;
  assert.equal(lines.at(-1), "0 passed, 0 failed");
  assert.equal(code, 1);
});

test("a process that a host test leaves running fails the run and is ended", onlyWithHost, async (t) => {
  const files = {
    "e2e/a.test.ts": `test("forgets", () => { const child = spawn("sleep", ["300"], { detached: true, stdio: "ignore" }); child.unref(); writeFileSync("pid", String(child.pid)); });`,
  };
  const run = runner(t, files);
  const { lines, code, text } = await run.ended;
  assert.equal(lines.at(-1), "1 passed, 1 failed");
  assert.equal(code, 1);
  assert.match(text, /process \d+: sleep 300/);
  // Where nothing reaps orphans an entry stays in /proc, without a command line.
  const commandLine = `/proc/${readFileSync(join(run.root, "pid"), "utf8")}/cmdline`;
  assert.ok(!existsSync(commandLine) || readFileSync(commandLine, "utf8") === "");
});

test("what a test leaves in the temporary folder fails the run and is removed", async (t) => {
  const files = {
    "unit/a.test.ts": `import { tmpdir } from "node:os";
    test("forgets", () => { writeFileSync(tmpdir() + "/forgotten", ""); writeFileSync("place", tmpdir()); });`,
  };
  const run = runner(t, files);
  const { lines, code, text } = await run.ended;
  assert.equal(lines.at(-1), "1 passed, 1 failed");
  assert.equal(code, 1);
  assert.match(text, /unit left something behind\n\s+temporary file forgotten/);
  const place = readFileSync(join(run.root, "place"), "utf8");
  assert.notEqual(place, tmpdir());
  assert.ok(!existsSync(place));
});

test(
  "interrupted host tests, two side by side, undo what they made, and no further file starts",
  onlyWithHost,
  async (t) => {
    const file = (name: string): string => `import { undoAfter } from "../undo.ts";
    test("takes long", async (t) => { undoAfter(t, async () => { await setTimeout(100); writeFileSync("${name}-undone", ""); }); writeFileSync("${name}-made", ""); await setTimeout(60_000); });`;
    const run = runner(t, { "e2e/a.test.ts": file("a"), "e2e/b.test.ts": file("b"), "e2e/c.test.ts": file("c") });
    const exists = (name: string): boolean => existsSync(join(run.root, name));
    await until("both files' tests", () => exists("a-made") && exists("b-made"), Boolean);
    run.child.kill("SIGINT");
    const { lines, code } = await run.ended;
    assert.ok(exists("a-undone") && exists("b-undone"));
    assert.ok(!exists("c-made"));
    assert.match(lines.at(-1) ?? "", /^0 passed, \d failed$/);
    assert.equal(code, 1);
  },
);

interface Run {
  readonly root: string;
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; text: string; lines: string[] }>;
}

/** The runner over a repository of its own that holds only these test files. */
function runner(t: TestContext, files: Record<string, string>): Run {
  const root = mkdtempSync(join(tmpdir(), "runner-"));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "test"));
  writeFileSync(join(root, "package.json"), `{ "type": "module" }`);
  for (const part of PARTS)
    copyFileSync(fileURLToPath(new URL(`../../${part}.ts`, import.meta.url)), join(root, "test", `${part}.ts`));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, "test", dirname(path)), { recursive: true });
    writeFileSync(join(root, "test", path), `${IMPORTS}\n${text}`);
  }
  // A test run inside a test is refused by node:test unless it does not know.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, [join(root, "test/run.ts")], { env, stdio: ["ignore", "pipe", "inherit"] });
  return { root, child, ended: collect(child) };
}

const IMPORTS = `import assert from "node:assert/strict"; import { spawn } from "node:child_process"; import { writeFileSync } from "node:fs"; import { describe, test } from "node:test"; import { setTimeout } from "node:timers/promises";`;

async function collect(child: ChildProcess): Promise<{ code: number | null; text: string; lines: string[] }> {
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  await once(child, "close");
  return { code: child.exitCode, text, lines: text.trimEnd().split("\n") };
}
