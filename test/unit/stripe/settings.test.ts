import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_POLICY } from "../../../automation/stripe/policy.ts";
import { StripeEnvironment, stripeSettings } from "../../../automation/stripe/settings.ts";

const MINIMAL = {
  STRIPE_API_KEY: "sk_test_1234567890",
  STRIPE_WEBHOOK_SECRET: "whsec_a, whsec_b",
  STRIPE_PRICES: '{"price_1": "starter"}',
};

test("everything but keys and prices has a default", () => {
  const settings = stripeSettings(StripeEnvironment.parse(MINIMAL));
  assert.deepEqual(settings.policy, DEFAULT_POLICY);
  assert.deepEqual(settings.webhookSecrets, ["whsec_a", "whsec_b"]);
  assert.deepEqual([...settings.prices], [["price_1", "starter"]]);
  assert.equal(settings.livemode, false);
});

test("all periods can be set, and an empty one means never", () => {
  const { policy } = stripeSettings(
    StripeEnvironment.parse({
      ...MINIMAL,
      STRIPE_GRACE_DAYS: "0.5",
      STRIPE_RETENTION_DAYS: "90",
      STRIPE_TRIAL_RETENTION_DAYS: "0",
      STRIPE_UNPAID_RETENTION_DAYS: "120",
      STRIPE_TRIALS: "wait",
      STRIPE_PENDING_PAYMENTS: "active",
      STRIPE_SUSPENDING_COLLECTION_PAUSES: "void,mark_uncollectible",
    }),
  );
  assert.deepEqual(policy, {
    graceDays: 0.5,
    retentionDays: 90,
    trialRetentionDays: 0,
    unpaidRetentionDays: 120,
    trials: "wait",
    pendingPayments: "active",
    suspendingCollectionPauses: ["void", "mark_uncollectible"],
  });
  const none = stripeSettings(
    StripeEnvironment.parse({ ...MINIMAL, STRIPE_UNPAID_RETENTION_DAYS: "", STRIPE_SUSPENDING_COLLECTION_PAUSES: "" }),
  );
  assert.equal(none.policy.unpaidRetentionDays, null);
  assert.deepEqual(none.policy.suspendingCollectionPauses, []);
});

test("all problems are told at once, without the secrets", () => {
  const read = StripeEnvironment.safeParse({
    STRIPE_API_KEY: "pk_live_secret",
    STRIPE_WEBHOOK_SECRET: "topsecret",
    STRIPE_PRICES: "{price",
    STRIPE_GRACE_DAYS: "-1",
  });
  assert.ok(!read.success);
  assert.deepEqual(
    new Set(read.error.issues.map((issue) => issue.path[0])),
    new Set(["STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_PRICES", "STRIPE_GRACE_DAYS"]),
  );
  assert.doesNotMatch(JSON.stringify(read.error.issues.map(({ message }) => message)), /topsecret|pk_live_secret/);
});
