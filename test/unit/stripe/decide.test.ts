import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { advance, decide, mayBegin, type Decision } from "../../../automation/stripe/decide.ts";
import { addDays, DEFAULT_POLICY, type Policy } from "../../../automation/stripe/policy.ts";
import type { Billing } from "../../../automation/stripe/subscription.ts";

const DAY_ONE = new Date("2026-03-01T00:00:00Z");
const at = (days: number): Date => addDays(DAY_ONE, days);
const policy: Policy = { ...DEFAULT_POLICY, graceDays: 7, retentionDays: 30, trialRetentionDays: 3 };
const wanted = (billing: Billing, now: Date, rules: Policy = policy): Decision["wanted"] =>
  decide(billing, now, rules).wanted;

test("a paid subscription and a trial run", () => {
  assert.deepEqual(decide({ status: "active", collection: null, cancelAt: null }, DAY_ONE, policy), {
    wanted: "active",
    reason: "paid",
    graceUntil: null,
  });
  assert.equal(decide({ status: "trialing", collection: null, cancelAt: null }, DAY_ONE, policy).reason, "trial");
});

test("a subscription that will be canceled runs until Stripe says that it is", () => {
  const leaving: Billing = { status: "active", collection: null, cancelAt: at(5) };
  assert.equal(wanted(leaving, at(4)), "active");
  assert.equal(wanted(leaving, at(6)), "active");
  assert.equal(decide(leaving, at(4), policy).reason, "cancels at the period's end");
});

test("a late payer keeps running until the grace period ends, to the millisecond", () => {
  const late: Billing = { status: "past_due", unpaidSince: DAY_ONE, collection: null };
  assert.deepEqual(decide(late, at(6), policy), { wanted: "active", reason: "payment failed", graceUntil: at(7) });
  assert.equal(wanted(late, new Date(at(7).getTime() - 1)), "active");
  assert.deepEqual(decide(late, at(7), policy), { wanted: "suspended", reason: "payment failed", deleteAfter: null });
});

test("who does not pay is suspended, and deleted only where the policy says so", () => {
  const unpaid: Billing = { status: "unpaid", unpaidSince: DAY_ONE };
  assert.deepEqual(decide(unpaid, at(400), policy), { wanted: "suspended", reason: "unpaid", deleteAfter: null });
  const strict = { ...policy, unpaidRetentionDays: 60 };
  assert.deepEqual(decide(unpaid, at(8), strict), { wanted: "suspended", reason: "unpaid", deleteAfter: at(67) });
  assert.equal(wanted(unpaid, at(67), strict), "deleted");
});

test("a canceled subscription's tenant is kept for the retention, then deleted", () => {
  const canceled: Billing = { status: "canceled", endedAt: DAY_ONE, onlyTrial: false };
  assert.deepEqual(decide(canceled, at(29), policy), { wanted: "suspended", reason: "canceled", deleteAfter: at(30) });
  assert.equal(wanted(canceled, at(30)), "deleted");
  assert.equal(wanted({ ...canceled, onlyTrial: true }, at(3)), "deleted");
});

test("paused and incomplete subscriptions are suspended without a clock", () => {
  assert.deepEqual(decide({ status: "paused", onlyTrial: false }, at(999), policy), {
    wanted: "suspended",
    reason: "paused",
    deleteAfter: null,
  });
  assert.deepEqual(decide({ status: "incomplete" }, at(999), policy), {
    wanted: "suspended",
    reason: "first payment incomplete",
    deleteAfter: null,
  });
});

test("a paused collection suspends only where it means that no service is given, and only until it resumes", () => {
  const paused = (behavior: "void" | "keep_as_draft", resumesAt: Date | null): Billing => ({
    status: "active",
    collection: { behavior, resumesAt },
    cancelAt: null,
  });
  assert.equal(wanted(paused("void", null), DAY_ONE), "suspended");
  assert.equal(wanted(paused("keep_as_draft", null), DAY_ONE), "active");
  assert.equal(wanted(paused("void", at(2)), at(2)), "active");
  assert.equal(
    wanted(paused("keep_as_draft", null), DAY_ONE, { ...policy, suspendingCollectionPauses: ["keep_as_draft"] }),
    "suspended",
  );
});

test("a tenant begins with the first payment, or with what the policy takes instead", () => {
  const active: Billing = { status: "active", collection: null, cancelAt: null };
  const trial: Billing = { status: "trialing", collection: null, cancelAt: null };
  assert.equal(mayBegin(active, true, false, policy).begins, true);
  assert.equal(mayBegin(active, false, false, policy).begins, false);
  assert.equal(mayBegin(active, false, true, policy).begins, true);
  assert.equal(mayBegin(active, false, false, { ...policy, pendingPayments: "active" }).begins, true);
  assert.equal(mayBegin(trial, false, false, policy).begins, true);
  assert.equal(mayBegin(trial, true, false, { ...policy, trials: "wait" }).begins, false);
  assert.equal(mayBegin({ status: "incomplete" }, true, true, policy).begins, false);
  assert.equal(mayBegin({ status: "canceled", endedAt: DAY_ONE, onlyTrial: false }, true, false, policy).begins, true);
});

const time = fc.integer({ min: -400, max: 400 }).map(at);
const collection = fc.option(
  fc.record({
    behavior: fc.constantFrom("keep_as_draft" as const, "mark_uncollectible" as const, "void" as const),
    resumesAt: fc.constant(null),
  }),
);
const billings: fc.Arbitrary<Billing> = fc.oneof(
  fc.record({ status: fc.constantFrom("active" as const, "trialing" as const), collection, cancelAt: fc.option(time) }),
  fc.record({ status: fc.constant("past_due" as const), unpaidSince: time, collection }),
  fc.record({ status: fc.constant("unpaid" as const), unpaidSince: time }),
  fc.record({ status: fc.constant("paused" as const), onlyTrial: fc.boolean() }),
  fc.record({ status: fc.constant("incomplete" as const) }),
  fc.record({ status: fc.constant("incomplete_expired" as const), endedAt: time }),
  fc.record({ status: fc.constant("canceled" as const), endedAt: time, onlyTrial: fc.boolean() }),
);
const days = fc.integer({ min: 0, max: 100 });
const policies: fc.Arbitrary<Policy> = fc.record({
  graceDays: days,
  retentionDays: days,
  trialRetentionDays: days,
  unpaidRetentionDays: fc.option(days),
  trials: fc.constantFrom("active" as const, "wait" as const),
  pendingPayments: fc.constantFrom("active" as const, "wait" as const),
  suspendingCollectionPauses: fc.subarray(["keep_as_draft" as const, "mark_uncollectible" as const, "void" as const]),
});

test("property: the clock alone leads to what a new decision at that time would say", () => {
  fc.assert(
    fc.property(billings, policies, time, fc.nat(500), (billing, rules, now, later) => {
      const then = addDays(now, later);
      assert.deepEqual(advance(decide(billing, now, rules), then, rules), decide(billing, then, rules));
    }),
  );
});

test("property: time only takes away, and what is deleted stays so", () => {
  const rank = { active: 0, suspended: 1, deleted: 2 };
  fc.assert(
    fc.property(billings, policies, time, fc.nat(500), (billing, rules, now, later) => {
      assert.ok(rank[wanted(billing, addDays(now, later), rules)] >= rank[wanted(billing, now, rules)]);
    }),
  );
});

test("property: only an ended subscription, or a policy for unpaid ones, deletes", () => {
  fc.assert(
    fc.property(billings, policies, time, (billing, rules, now) => {
      if (wanted(billing, now, rules) !== "deleted") return;
      const ended = billing.status === "canceled" || billing.status === "incomplete_expired";
      const unpaid = billing.status === "past_due" || billing.status === "unpaid";
      assert.ok(ended || (unpaid && rules.unpaidRetentionDays !== null));
    }),
  );
});

test("property: clocks lie in the future of the decision that set them", () => {
  fc.assert(
    fc.property(billings, policies, time, (billing, rules, now) => {
      const decision = decide(billing, now, rules);
      if (decision.wanted === "active" && decision.graceUntil !== null) assert.ok(decision.graceUntil > now);
      if (decision.wanted === "suspended" && decision.deleteAfter !== null) assert.ok(decision.deleteAfter > now);
    }),
  );
});
