import assert from "node:assert/strict";
import { test } from "node:test";
import { Stripe } from "stripe";
import { until } from "../../until.ts";
import { startEmulator, startReceiver, WEBHOOK_SECRET } from "./emulator.ts";

test("a paid checkout is told to the webhook by signed events", async (t) => {
  const receiver = await startReceiver(t);
  const { checkout } = await startEmulator(t, { webhook: { url: receiver.url, secret: WEBHOOK_SECRET } });
  const { session } = await checkout({ subdomain: "acme", client_reference_id: "acme" });
  const wanted = ["checkout.session.completed", "customer.subscription.created", "invoice.paid"];
  await until(
    wanted.join(", "),
    () => receiver.received.map(({ event }): string => event.type),
    (types) => wanted.every((type) => types.includes(type)),
    20_000,
  );
  for (const { raw, signature } of receiver.received) {
    const event = Stripe.webhooks.constructEvent(raw, signature, WEBHOOK_SECRET);
    if (event.type !== "checkout.session.completed") continue;
    const told = event.data.object;
    assert.equal(told.id, session.id);
    assert.equal(told.client_reference_id, "acme");
    assert.equal(told.customer_email, "owner@example.com");
    assert.deepEqual(told.metadata, { subdomain: "acme", plan: "starter" });
    assert.equal(told.subscription, session.subscription);
  }
});

test("a delivery that fails is made again until it is answered with 2xx", async (t) => {
  const receiver = await startReceiver(t);
  receiver.status = 503;
  const { checkout, door } = await startEmulator(t, {
    webhook: { url: receiver.url, secret: WEBHOOK_SECRET, events: ["invoice.paid"] },
    deliveryRetrySeconds: [0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01],
  });
  await checkout({ subdomain: "acme" });
  await until(
    "a second try",
    () => receiver.received,
    (all) => all.length >= 2,
  );
  receiver.status = 200;
  const { deliveries } = await until(
    "the delivery to succeed",
    () => door<{ deliveries: { state: string; attempts: number; last: string }[] }>("GET", "/deliveries"),
    (seen) => seen.deliveries.every((one) => one.state === "delivered"),
  );
  assert.equal(deliveries.length, 1);
  assert.ok((deliveries[0]?.attempts ?? 0) >= 3);
  assert.equal(new Set(receiver.received.map(({ event }) => event.id)).size, 1);
});

test("a delivery is given up after its last try, and can be found as undelivered", async (t) => {
  const { checkout, door, stripe } = await startEmulator(t, {
    webhook: { url: "http://127.0.0.1:9/", secret: WEBHOOK_SECRET, events: ["invoice.paid"] },
    deliveryRetrySeconds: [0.01],
  });
  await checkout({ subdomain: "acme" });
  await until(
    "the delivery to be given up",
    () => door<{ deliveries: { state: string }[] }>("GET", "/deliveries"),
    (seen) => seen.deliveries.every((one) => one.state === "failed"),
  );
  const undelivered = await stripe.events.list({ delivery_success: false });
  assert.deepEqual(
    undelivered.data.map((event) => event.type),
    ["invoice.paid"],
  );
});

test("held deliveries are let go shuffled, doubled and partly lost, the same way for the same seed", async (t) => {
  const orders: string[][] = [];
  for (const seed of [7, 7, 8]) {
    const receiver = await startReceiver(t);
    const { checkout, door } = await startEmulator(t, {
      webhook: {
        url: receiver.url,
        secret: WEBHOOK_SECRET,
        events: [
          "customer.created",
          "invoice.created",
          "invoice.finalized",
          "invoice.paid",
          "checkout.session.completed",
        ],
      },
    });
    await door("POST", "/deliveries/hold");
    await checkout({ subdomain: "acme" });
    assert.equal(receiver.received.length, 0);
    const { released } = await door<{ released: number }>("POST", "/deliveries/release", {
      shuffle: true,
      duplicate: 0.5,
      drop: 0.3,
      seed,
    });
    await until(
      "what was let go",
      () => receiver.received.length,
      (count) => count === released,
    );
    const { deliveries } = await door<{ deliveries: { state: string }[] }>("GET", "/deliveries");
    orders.push([
      ...receiver.received.map(({ event }) => event.type as string).toSorted(),
      `dropped ${deliveries.filter((one) => one.state === "dropped").length}`,
    ]);
  }
  assert.deepEqual(orders[0], orders[1]);
  assert.notDeepEqual(orders[0], orders[2]);
});

test("an event can be sent again", async (t) => {
  const receiver = await startReceiver(t);
  const { checkout, door, stripe } = await startEmulator(t, {
    webhook: { url: receiver.url, secret: WEBHOOK_SECRET, events: ["invoice.paid"] },
  });
  await checkout({ subdomain: "acme" });
  await until(
    "the first delivery",
    () => receiver.received.length,
    (count) => count === 1,
  );
  const [event] = (await stripe.events.list({ type: "invoice.paid" })).data;
  await door("POST", "/deliveries/resend", { event: event?.id });
  await until(
    "the second delivery",
    () => receiver.received.length,
    (count) => count === 2,
  );
});

test("further endpoints can be made, and only the answer to that shows their secret", async (t) => {
  const receiver = await startReceiver(t);
  const { stripe, checkout } = await startEmulator(t);
  const endpoint = await stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ["*"] });
  assert.match(endpoint.secret ?? "", /^whsec_/);
  assert.equal((await stripe.webhookEndpoints.retrieve(endpoint.id)).secret, undefined);
  await checkout({ subdomain: "acme" });
  await until(
    "events of every type",
    () => receiver.received.map(({ event }) => event.type as string),
    (types) => types.includes("invoice.created"),
  );
  const { raw, signature } = receiver.received[0] ?? { raw: "", signature: "" };
  Stripe.webhooks.constructEvent(raw, signature, endpoint.secret ?? "");
});
