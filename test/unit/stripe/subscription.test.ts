import assert from "node:assert/strict";
import { test } from "node:test";
import type { Stripe } from "stripe";
import { readSubscription, UnreadableSubscription } from "../../../automation/stripe/subscription.ts";

const seconds = (iso: string): number => Date.parse(iso) / 1000;

/** Only what is read. */
function given(change: Record<string, unknown>): Stripe.Subscription {
  return {
    id: "sub_1",
    customer: "cus_1",
    status: "active",
    collection_method: "charge_automatically",
    created: seconds("2026-01-01"),
    cancel_at: null,
    canceled_at: null,
    ended_at: null,
    trial_end: null,
    pause_collection: null,
    latest_invoice: null,
    metadata: {},
    items: {
      data: [
        {
          current_period_start: seconds("2026-03-01"),
          quantity: 1,
          price: { id: "price_s", product: "prod_s", lookup_key: null },
        },
      ],
    },
    ...change,
  } as unknown as Stripe.Subscription;
}

function invoice(finalized: string, due?: string): Stripe.Invoice {
  return {
    created: seconds("2025-12-31"),
    due_date: due === undefined ? null : seconds(due),
    status_transitions: { finalized_at: seconds(finalized) },
  } as unknown as Stripe.Invoice;
}

test("money is owed since the oldest open invoice: a newer one gives no new grace", () => {
  const { billing } = readSubscription(given({ status: "past_due" }), [
    invoice("2026-03-01"),
    invoice("2026-02-01"),
    invoice("2026-04-01"),
  ]);
  assert.deepEqual(billing, { status: "past_due", unpaidSince: new Date("2026-02-01"), collection: null });
});

test("an invoice that is sent is owed from its due date on", () => {
  const { billing } = readSubscription(given({ status: "past_due", collection_method: "send_invoice" }), [
    invoice("2026-02-01", "2026-03-03"),
  ]);
  assert.ok(billing.status === "past_due");
  assert.deepEqual(billing.unpaidSince, new Date("2026-03-03"));
});

test("without open invoices the latest one counts, or the period's beginning", () => {
  const latest = readSubscription(given({ status: "unpaid", latest_invoice: invoice("2026-03-02") }), []);
  assert.deepEqual(latest.billing, { status: "unpaid", unpaidSince: new Date("2026-03-02") });
  const none = readSubscription(given({ status: "unpaid" }), []);
  assert.deepEqual(none.billing, { status: "unpaid", unpaidSince: new Date("2026-03-01") });
});

test("who leaves within the trial was only on trial", () => {
  const trialEnd = seconds("2026-01-15");
  const left = readSubscription(
    given({ status: "canceled", ended_at: seconds("2026-01-10"), trial_end: trialEnd }),
    [],
  );
  assert.deepEqual(left.billing, { status: "canceled", endedAt: new Date("2026-01-10"), onlyTrial: true });
  const stayed = readSubscription(
    given({ status: "canceled", ended_at: seconds("2026-05-10"), trial_end: trialEnd }),
    [],
  );
  assert.ok(stayed.billing.status === "canceled" && !stayed.billing.onlyTrial);
});

test("a status or a behaviour that is not known is an error, never a reason to suspend", () => {
  assert.throws(
    () => readSubscription(given({ status: "hibernating" }), []),
    (error: unknown) => error instanceof UnreadableSubscription && error.message.includes("hibernating"),
  );
  assert.throws(
    () => readSubscription(given({ pause_collection: { behavior: "shrug", resumes_at: null } }), []),
    UnreadableSubscription,
  );
});
