import assert from "node:assert/strict";
import { test } from "node:test";
import { identify, isAlive } from "../../../sandbox/host/process-identity.ts";

const skip = process.platform === "linux" ? false : "reads /proc";

test("a process is told apart from another one that has its number", { skip }, () => {
  const self = identify(process.pid);
  assert(self);
  assert.equal(isAlive(self), true);
  assert.equal(isAlive({ ...self, startTime: String(Number(self.startTime) - 1) }), false);
  assert.equal(identify(2 ** 22 + 1), undefined);
});
