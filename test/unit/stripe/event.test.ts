import assert from "node:assert/strict";
import { test } from "node:test";
import { HANDLED_TYPES, StripeEvent, subjectOf } from "../../../automation/stripe/event.ts";

function event(type: string, object: Record<string, unknown>, more: Record<string, unknown> = {}): StripeEvent {
  return StripeEvent.parse({
    id: "evt_1",
    object: "event",
    type,
    api_version: "2026-10-28.endive",
    livemode: false,
    created: 1,
    data: { object },
    ...more,
  });
}

test("every handled type leads to its subscription", () => {
  const objects: Record<string, Record<string, unknown>> = {
    checkout: { id: "cs_1", object: "checkout.session", subscription: "sub_1" },
    customer: { id: "sub_1", object: "subscription" },
    invoice: {
      id: "in_1",
      object: "invoice",
      parent: { type: "subscription_details", subscription_details: { subscription: "sub_1" } },
    },
  };
  for (const type of HANDLED_TYPES) {
    assert.deepEqual(
      subjectOf(event(type, objects[type.split(".")[0] ?? ""] ?? {}), false),
      { kind: "subscription", id: "sub_1" },
      type,
    );
  }
});

test("events of older API versions are understood, and expanded references too", () => {
  const old = event(
    "invoice.paid",
    { id: "in_1", object: "invoice", subscription: "sub_1" },
    { api_version: "2022-11-15" },
  );
  assert.deepEqual(subjectOf(old, false), { kind: "subscription", id: "sub_1" });
  const expanded = event("checkout.session.completed", {
    id: "cs_1",
    subscription: { id: "sub_1", object: "subscription" },
  });
  assert.deepEqual(subjectOf(expanded, false), { kind: "subscription", id: "sub_1" });
});

test("what is not about a subscription of this account and mode is ignored, with the reason", () => {
  const because = (given: StripeEvent): string => {
    const subject = subjectOf(given, false);
    return subject.kind === "none" ? subject.because : "";
  };
  assert.match(because(event("charge.refunded", { id: "ch_1" })), /charge.refunded are not needed/);
  assert.match(
    because(
      event("checkout.session.completed", {
        id: "cs_1",
        object: "checkout.session",
        mode: "payment",
        subscription: null,
      }),
    ),
    /checkout.session has no subscription/,
  );
  assert.match(because(event("invoice.paid", { id: "in_1", object: "invoice", parent: null })), /no subscription/);
  assert.match(
    because(event("customer.subscription.updated", { id: "sub_1" }, { livemode: true })),
    /live mode, the server's key of test mode/,
  );
  assert.match(
    because(event("customer.subscription.updated", { id: "sub_1" }, { account: "acct_1" })),
    /connected account/,
  );
});
