import assert from "node:assert/strict";
import { test } from "node:test";
import { afterFailure, FEW, type Reason, REASONS } from "../../../automation/tenants/reasons.ts";

test("an outage is tried again for ever, ever more slowly, and never all tenants at the same moment", () => {
  assert.deepEqual(afterFailure("postgres-unreachable", 1, 0), { state: "failed", retryInMs: 2_000 });
  assert.deepEqual(afterFailure("postgres-unreachable", 1, 1), { state: "failed", retryInMs: 4_000 });
  assert.deepEqual(afterFailure("postgres-unreachable", 1_000, 1), { state: "failed", retryInMs: 300_000 });
});

test("what only somebody can correct is parked at once, what may pass after a few tries", () => {
  assert.deepEqual(afterFailure("name-taken", 1), { state: "stalled", retryInMs: null });
  assert.equal(afterFailure("host-script-failed", FEW - 1).state, "failed");
  assert.deepEqual(afterFailure("host-script-failed", FEW), { state: "stalled", retryInMs: null });
});

test("every reason tells what it means and what to do", () => {
  for (const [key, reason] of Object.entries<Reason>(REASONS)) {
    assert.match(key, /^[a-z]+(-[a-z]+)*$/);
    assert.match(reason.means, /\.$/);
    assert.match(reason.remedy, /\.$/);
  }
});
