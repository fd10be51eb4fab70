import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { signalProcess } from "../../../sandbox/host/process-identity.ts";
import { markedProcesses } from "../../../sandbox/lifecycle/leftovers.ts";
import { startProcess } from "../../../sandbox/process.ts";
import { CommandFailed, run } from "../../../sandbox/run.ts";
import { until } from "../../until.ts";
import { ownDirectory } from "../../unit/sandbox-engine/world.ts";

test("a command's output is returned, and every line of it reported as it comes", async () => {
  const lines: string[] = [];
  const output = await run("sh", ["-c", "cat; echo to stderr >&2"], {
    input: "one\ntwo\n",
    onLine: (line) => lines.push(line),
  });
  assert.equal(output, "one\ntwo");
  assert.deepEqual(lines.toSorted(), ["one", "to stderr", "two"]);
});

test("a command that fails is told with its exit code and its last lines", async () => {
  await assert.rejects(run("sh", ["-c", "echo first; echo why it failed >&2; exit 3"]), (error: Error) => {
    assert.ok(error instanceof CommandFailed);
    assert.equal(error.exitCode, 3);
    assert.match(error.message, /exited with 3[\s\S]*why it failed/);
    return true;
  });
});

test("a command that does not exist, hangs, or is interrupted is told as that", async () => {
  await assert.rejects(run("no-such-command", []), /"no-such-command" could not be started/);
  await assert.rejects(run("sleep", ["60"], { timeoutMs: 50 }), /"sleep 60" did not end within 50 ms/);
  await assert.rejects(
    run("sleep", ["60"], { signal: AbortSignal.timeout(50), timeoutMs: 60_000 }),
    /"sleep 60" was interrupted/,
  );
});

test("a part writes to its log, and the log of the start before is kept", async (t) => {
  const log = join(ownDirectory(t), "logs", "part.log");
  for (const word of ["first", "second"]) {
    const part = startProcess({ name: "part", command: "sh", args: ["-c", `echo ${word}`], log });
    assert.equal(await part.end, "exited with 0");
    assert.equal(part.ended, "exited with 0");
    assert.equal(part.lastLines(1), word);
  }
  assert.equal(readFileSync(`${log}.1`, "utf8"), "first\n");
});

test("a part is stopped with its own signal, and killed when it does not heed it", async (t) => {
  const directory = ownDirectory(t);
  const script = (trap: string) => ["-c", `${trap}; echo up; while :; do sleep 0.01; done`];
  const options = { name: "part", command: "bash", stopWithinMs: 300 };

  const heeding = startProcess({
    ...options,
    args: script("trap 'exit 7' INT"),
    log: join(directory, "a.log"),
    stopSignal: "SIGINT",
  });
  await until(
    "it to be up",
    () => heeding.lastLines(1),
    (line) => line === "up",
  );
  await Promise.all([heeding.stop(), heeding.stop()]);
  assert.equal(heeding.ended, "exited with 7");

  const deaf = startProcess({ ...options, args: script("trap '' TERM"), log: join(directory, "b.log") });
  await until(
    "it to be up",
    () => deaf.lastLines(1),
    (line) => line === "up",
  );
  await deaf.stop();
  assert.equal(deaf.ended, "ended by SIGKILL");
});

test("a part whose program is missing has ended, and stopping it does no harm", async (t) => {
  const log = join(ownDirectory(t), "part.log");
  const part = startProcess({ name: "part", command: "no-such-command", args: [], log });
  assert.match(await part.end, /could not be started/);
  await part.stop();
  assert.equal(existsSync(log), true);
});

test(
  "what a command has left running is found by its mark alone, and ended",
  { skip: process.platform !== "linux" },
  async (t) => {
    const value = `test-${process.pid}`;
    const start = (mark: string) => {
      const child = spawn("sleep", ["60"], { env: { ...process.env, SOME_MARK: mark }, stdio: "ignore" });
      t.after(() => child.kill("SIGKILL"));
      return child;
    };
    const [left, other] = [start(value), start(`${value}-of-another`)];
    const found = await until(
      "the marked process",
      async () => markedProcesses("SOME_MARK", value),
      (all) => all.length > 0,
    );
    assert.deepEqual(
      found.map(({ pid }) => pid),
      [left.pid],
    );
    const ended = once(left, "exit");
    for (const each of found) signalProcess(each, "SIGTERM");
    await ended;
    assert.deepEqual(markedProcesses("SOME_MARK", value), []);
    assert.equal(other.exitCode, null);
  },
);
