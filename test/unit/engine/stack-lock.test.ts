import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { test } from "node:test";
import { killGuarded, spawnGuarded } from "../../../automation/engine/guarded-process.ts";
import { until } from "../../until.ts";
import { endOwner, isLeftBehind, locksIn } from "../../../automation/engine/stack-lock.ts";

// As the CLI says it (v3.259.0, backend/diy/lock.go).
const MESSAGE = `error: the stack is currently locked by 2 lock(s). Either wait for the other process(es) to end or delete the lock file with \`pulumi cancel\`.
  postgres://****:****@db/pulumi/.pulumi/locks/organization/odoosaas/acme/1.json: created by root@worker-1 (pid 4711) at 2026-03-01T12:00:30Z
  postgres://****:****@db/pulumi/.pulumi/locks/organization/odoosaas/acme/2.json: created by anna@laptop (pid 12) at 2026-03-01T12:00:31Z`;

const dead = (): boolean => false;
const run = {
  worker: "worker-1:99:abc",
  startedAt: new Date("2026-03-01T12:00:00Z"),
  finishedAt: new Date("2026-03-01T12:01:00Z"),
};
const [ours, hers] = locksIn(MESSAGE);

test("an error names its locks", () => {
  assert.deepEqual(locksIn(MESSAGE), [
    { host: "worker-1", pid: 4711, at: new Date("2026-03-01T12:00:30Z") },
    { host: "laptop", pid: 12, at: new Date("2026-03-01T12:00:31Z") },
  ]);
  assert.deepEqual(locksIn("another error"), []);
});

test("a lock made on a worker's host during its run, which has ended, was left behind", () => {
  assert.ok(ours && isLeftBehind(ours, [run], dead));
});

test("an operator's lock is respected, on another machine or at another time", () => {
  assert.ok(hers && !isLeftBehind(hers, [run], dead));
  assert.ok(ours && !isLeftBehind({ ...ours, at: new Date("2026-03-01T12:02:00Z") }, [run], dead));
  assert.ok(ours && !isLeftBehind(ours, [], dead));
});

test("a lock whose process still lives is respected", () => {
  assert.ok(ours && !isLeftBehind(ours, [run], () => true));
});

test("a run that has ended by its row does not keep its lock by processes that are frozen with their guard", async (t) => {
  // Its command line is what tells an engine's process.
  const command = ["-c", "exec -a pulumi sleep 1000"];
  const guarded = spawnGuarded("bash", ["-c", `echo $$; ${command[1]}`], { env: { PATH: process.env["PATH"] ?? "" } });
  const operators = spawn("bash", command, { stdio: "ignore" });
  t.after(() => {
    killGuarded(guarded);
    operators.kill("SIGKILL");
  });
  const [line] = (await once(guarded.stdout, "data")) as [Buffer];
  // Frozen before it is an engine by its name, it would never become one.
  await until(
    "names",
    () => [Number(line), operators.pid ?? 0].every(isNamed),
    (named) => named,
    10_000,
  );
  for (const pid of [Number(line), guarded.pid ?? 0]) process.kill(pid, "SIGSTOP");
  const at = new Date();
  const ended = { worker: `${hostname()}:1:a`, startedAt: at, finishedAt: at };
  const lockOf = (pid: number) => ({ host: hostname(), pid, at });

  await endOwner(lockOf(Number(line)), []);
  assert.ok(!isLeftBehind(lockOf(Number(line)), [ended]), "no run of ours has ended");
  await endOwner(lockOf(Number(line)), [ended]);
  assert.ok(isLeftBehind(lockOf(Number(line)), [ended]));
  await endOwner(lockOf(operators.pid ?? 0), [ended], 200);
  assert.ok(!isLeftBehind(lockOf(operators.pid ?? 0), [ended]), "an operator's engine goes on");
  assert.ok(isRunning(operators));
});

function isNamed(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("pulumi");
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
