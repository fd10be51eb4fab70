import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { afterFailure, FEW, GUIDE, type Reason, REASONS } from "../../../automation/tenants/reasons.ts";

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

const RETRIED: Readonly<Record<Reason["retried"], string>> = { soon: "always", few: "five times", never: "never" };

test("the guide has a section for each reason and no other, with how it is retried, what to look at and the next step", () => {
  const page = readFileSync(new URL(`../../../${GUIDE}`, import.meta.url), "utf8");
  const sections = page.split(/^## /m).slice(1);
  assert.deepEqual(
    sections.map((section) => section.split("\n", 1)[0]),
    Object.keys(REASONS),
  );
  assert.equal(FEW, 5);
  for (const section of sections) {
    const key = section.split("\n", 1)[0] as keyof typeof REASONS;
    const reason: Reason = REASONS[key];
    assert.match(section, new RegExp(`^.*\\n\\nRetried: ${RETRIED[reason.retried]}\\b`), key);
    assert.match(section, /\n- \*\*Look at\*\* [^]*\n- \*\*Then\*\*/, key);
  }
});
