import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  afterFailure,
  FEW,
  GUIDE,
  MANY,
  oneMore,
  type Reason,
  type ReasonKey,
  REASONS,
} from "../../../automation/tenants/reasons.ts";

/** What becomes of the last of failures for these reasons, one after the other. */
function afterAll(reasons: readonly ReasonKey[], random?: number): ReturnType<typeof afterFailure> {
  let failures = { attempts: 0, strikes: 0 };
  reasons.forEach((reason, n) => (failures = oneMore(failures, reasons[n - 1] ?? null, reason)));
  return afterFailure(reasons.at(-1) ?? "unexpected", failures, random);
}

function times(count: number, reason: ReasonKey): ReasonKey[] {
  return Array.from({ length: count }, () => reason);
}

test("an outage is tried again for ever, ever more slowly, and never all tenants at the same moment", () => {
  assert.deepEqual(afterAll(["postgres-unreachable"], 0), { state: "failed", retryInMs: 2_000 });
  assert.deepEqual(afterAll(["postgres-unreachable"], 1), { state: "failed", retryInMs: 4_000 });
  assert.deepEqual(afterAll(times(1_000, "postgres-unreachable"), 1), { state: "failed", retryInMs: 300_000 });
});

test("what only somebody can correct is parked at once, what may pass after a few tries", () => {
  assert.deepEqual(afterAll(["name-taken"]), { state: "stalled", retryInMs: null });
  assert.equal(afterAll(times(FEW - 1, "host-script-failed")).state, "failed");
  assert.deepEqual(afterAll(times(FEW, "host-script-failed")), { state: "stalled", retryInMs: null });
  const flapping: ReasonKey[] = ["not-reachable", "engine-failed", "not-reachable", "engine-failed", "not-reachable"];
  assert.equal(afterAll(flapping).state, "stalled");
});

test("what somebody is about to end is waited for some twenty minutes, and then it is an operator's turn", () => {
  const pauses = Array.from({ length: MANY - 1 }, (_, n) => afterAll(times(n + 1, "lock-held"), 0.5).retryInMs ?? 0);
  const minutes = pauses.reduce((sum, ms) => sum + ms) / 60_000;
  assert.ok(minutes > 15 && minutes < 30, String(minutes));
  assert.equal(afterAll(times(MANY, "lock-held")).state, "stalled");
});

test("an outage, however long, leaves a tenant all the tries that what may pass has", () => {
  const outage = times(9, "host-unreachable");
  assert.equal(afterAll([...outage, ...times(FEW - 1, "not-reachable")]).state, "failed");
  assert.equal(afterAll([...outage, ...times(FEW, "not-reachable")]).state, "stalled");
  // The host is still booting: what has grown in the outage is the pause, so that the tries last longer than that.
  assert.equal(afterAll([...outage, "not-reachable"], 1).retryInMs, 300_000);
});

test("every reason tells what it means and what to do", () => {
  for (const [key, reason] of Object.entries<Reason>(REASONS)) {
    assert.match(key, /^[a-z]+(-[a-z]+)*$/);
    assert.match(reason.means, /\.$/);
    assert.match(reason.remedy, /\.$/);
  }
});

const RETRIED: Readonly<Record<Reason["retried"], string>> = {
  soon: "always",
  few: "five times",
  many: "twelve times",
  never: "never",
};

test("the guide has a section for each reason and no other, with how it is retried, what to look at and the next step", () => {
  const page = readFileSync(new URL(`../../../${GUIDE}`, import.meta.url), "utf8");
  const sections = page.split(/^## /m).slice(1);
  assert.deepEqual(
    sections.map((section) => section.split("\n", 1)[0]),
    Object.keys(REASONS),
  );
  assert.deepEqual([FEW, MANY], [5, 12]);
  for (const section of sections) {
    const key = section.split("\n", 1)[0] as keyof typeof REASONS;
    const reason: Reason = REASONS[key];
    assert.match(section, new RegExp(`^.*\\n\\nRetried: ${RETRIED[reason.retried]}\\b`), key);
    assert.match(section, /\n- \*\*Look at\*\* [^]*\n- \*\*Then\*\*/, key);
  }
});
