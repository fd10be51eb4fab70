import assert from "node:assert/strict";
import { test } from "node:test";
import { startEmulator, type Emulator } from "./emulator.ts";

test("a renewal that is not paid makes the subscription past due, retries, and ends it", async (t) => {
  const emulator = await startEmulator(t, { paymentRetryDays: [3, 5], afterLastRetry: "cancel" });
  const { subscription } = await emulator.checkout({ subdomain: "acme" });
  await emulator.door("POST", `/subscriptions/${subscription.id}/fail`);
  assert.equal(await statusOf(emulator, subscription.id), "past_due");
  const [open] = (await emulator.stripe.invoices.list({ subscription: subscription.id, status: "open" })).data;
  assert.equal(open?.billing_reason, "subscription_cycle");
  assert.equal(open.attempt_count, 1);
  assert.ok(open.next_payment_attempt !== null && open.status_transitions.finalized_at !== null);
  await emulator.door("POST", "/clock", { days: 4 });
  assert.equal((await emulator.stripe.invoices.retrieve(open.id)).attempt_count, 2);
  assert.equal(await statusOf(emulator, subscription.id), "past_due");
  await emulator.door("POST", "/clock", { days: 5 });
  const ended = await emulator.stripe.subscriptions.retrieve(subscription.id);
  assert.equal(ended.status, "canceled");
  assert.equal(ended.cancellation_details?.reason, "payment_failed");
  assert.equal((await emulator.stripe.events.list({ type: "invoice.payment_failed" })).data.length, 3);
});

test("after the last retry a subscription can also become unpaid, and is active again when its invoice is paid", async (t) => {
  const emulator = await startEmulator(t, { paymentRetryDays: [1], afterLastRetry: "unpaid" });
  const { subscription } = await emulator.checkout({ subdomain: "acme" });
  await emulator.door("POST", `/subscriptions/${subscription.id}/fail`);
  await emulator.door("POST", "/clock", { days: 2 });
  assert.equal(await statusOf(emulator, subscription.id), "unpaid");
  await emulator.door("POST", `/subscriptions/${subscription.id}/pay`);
  assert.equal(await statusOf(emulator, subscription.id), "active");
});

test("periods renew by themselves, once for each month that passes", async (t) => {
  const emulator = await startEmulator(t);
  const { subscription } = await emulator.checkout({ subdomain: "acme" });
  await emulator.door("POST", "/clock", { days: 95 });
  const now = await emulator.stripe.subscriptions.retrieve(subscription.id);
  assert.equal(now.status, "active");
  const invoices = (await emulator.stripe.invoices.list({ subscription: subscription.id })).data;
  assert.deepEqual(
    invoices.map((invoice) => invoice.status),
    ["paid", "paid", "paid", "paid"],
  );
  const created = invoices.map((invoice) => invoice.created);
  assert.deepEqual(
    created,
    created.toSorted((a, b) => b - a),
  );
  const item = now.items.data[0];
  assert.ok(item !== undefined && item.current_period_end > item.current_period_start);
});

test("a subscription to be canceled at its period's end runs until then", async (t) => {
  const emulator = await startEmulator(t);
  const { subscription } = await emulator.checkout({ subdomain: "acme" });
  const marked = await emulator.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
  assert.equal(marked.status, "active");
  assert.equal(marked.cancel_at, marked.items.data[0]?.current_period_end);
  await emulator.door("POST", "/clock", { days: 27 });
  assert.equal(await statusOf(emulator, subscription.id), "active");
  await emulator.door("POST", "/clock", { days: 5 });
  const ended = await emulator.stripe.subscriptions.retrieve(subscription.id);
  assert.equal(ended.status, "canceled");
  assert.equal(ended.ended_at, marked.cancel_at);
  assert.equal((await emulator.stripe.events.list({ type: "customer.subscription.deleted" })).data.length, 1);
});

test("a trial becomes a paid subscription, or is paused without a card", async (t) => {
  const emulator = await startEmulator(t);
  const paying = await emulator.checkout({ subdomain: "acme", trial_days: 14 });
  assert.equal(paying.subscription.status, "trialing");
  assert.equal(paying.session.payment_status, "no_payment_required");
  const customer = await emulator.stripe.customers.create({ email: "b@example.com" });
  const cardless = await emulator.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: "price_starter" }],
    trial_period_days: 14,
    trial_settings: { end_behavior: { missing_payment_method: "pause" } },
  });
  await emulator.door("POST", "/clock", { days: 15 });
  assert.equal(await statusOf(emulator, paying.subscription.id), "active");
  const paused = await emulator.stripe.subscriptions.retrieve(cardless.id);
  assert.equal(paused.status, "paused");
  assert.equal(paused.status_details?.paused.subscription.type, "trial_end_without_payment_method");
});

test("a first payment that fails leaves the subscription incomplete, and expired after 23 hours", async (t) => {
  const emulator = await startEmulator(t);
  const customer = await emulator.stripe.customers.create({
    email: "a@example.com",
    payment_method: "pm_card_chargeCustomerFail",
  });
  const subscription = await emulator.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: "price_starter" }],
  });
  assert.equal(subscription.status, "incomplete");
  await emulator.door("POST", "/clock", { seconds: 24 * 3600 });
  const expired = await emulator.stripe.subscriptions.retrieve(subscription.id);
  assert.equal(expired.status, "incomplete_expired");
  const invoices = (await emulator.stripe.invoices.list({ subscription: subscription.id })).data;
  assert.deepEqual(
    invoices.map((invoice) => invoice.status),
    ["void"],
  );
});

test("pause and resume, and pausing only the collection", async (t) => {
  const emulator = await startEmulator(t);
  const { subscription } = await emulator.checkout({ subdomain: "acme" });
  assert.equal((await emulator.stripe.subscriptions.pause(subscription.id)).status, "paused");
  const resumed = await emulator.stripe.subscriptions.resume(subscription.id);
  assert.equal(resumed.status, "active");
  assert.equal(resumed.status_details, undefined);
  const types = (
    await emulator.stripe.events.list({ types: ["customer.subscription.paused", "customer.subscription.resumed"] })
  ).data.map((event) => event.type);
  assert.deepEqual(types, ["customer.subscription.resumed", "customer.subscription.paused"]);
  const collecting = await emulator.stripe.subscriptions.update(subscription.id, {
    pause_collection: { behavior: "void" },
  });
  assert.equal(collecting.status, "active");
  await emulator.door("POST", "/clock", { days: 32 });
  assert.equal((await emulator.stripe.invoices.list({ subscription: subscription.id, status: "void" })).data.length, 1);
  assert.equal(
    (await emulator.stripe.subscriptions.update(subscription.id, { pause_collection: "" })).pause_collection,
    null,
  );
});

test("a bank debit completes the session unpaid, and settles later", async (t) => {
  const emulator = await startEmulator(t);
  const { session } = await emulator.checkout({ subdomain: "acme", payment: "later" });
  assert.equal(session.payment_status, "unpaid");
  const settled = await emulator.door<{ payment_status: string }>("POST", `/checkout/sessions/${session.id}/settle`, {
    paid: true,
  });
  assert.equal(settled.payment_status, "paid");
  const failed = await emulator.checkout({ subdomain: "other", payment: "later" });
  await emulator.door("POST", `/checkout/sessions/${failed.session.id}/settle`, { paid: false });
  assert.equal(await statusOf(emulator, failed.subscription.id), "past_due");
  const types = (
    await emulator.stripe.events.list({
      types: ["checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed"],
    })
  ).data;
  assert.deepEqual(
    types.map((event) => event.type),
    ["checkout.session.async_payment_failed", "checkout.session.async_payment_succeeded"],
  );
});

test("a plan is changed by its price, and the event says what was before", async (t) => {
  const emulator = await startEmulator(t);
  const { subscription } = await emulator.checkout({ subdomain: "acme" });
  const item = subscription.items.data[0];
  const changed = await emulator.stripe.subscriptions.update(subscription.id, {
    items: [{ id: item?.id ?? "", price: "price_business" }],
  });
  assert.equal(changed.items.data[0]?.price.id, "price_business");
  const [event] = (await emulator.stripe.events.list({ type: "customer.subscription.updated" })).data;
  const previous = event?.data.previous_attributes as { items?: { data: { price: { id: string } }[] } };
  assert.equal(previous.items?.data[0]?.price.id, "price_starter");
});

async function statusOf({ stripe }: Emulator, id: string): Promise<string> {
  return (await stripe.subscriptions.retrieve(id)).status;
}
