import assert from "node:assert/strict";
import { test } from "node:test";
import { isLeftBehind, locksIn } from "../../../automation/engine/stack-lock.ts";

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
