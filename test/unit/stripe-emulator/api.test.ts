import assert from "node:assert/strict";
import { test } from "node:test";
import { Stripe } from "stripe";
import { client, startEmulator } from "./emulator.ts";

test("a checkout session becomes a customer, a subscription and a paid invoice when it is paid", async (t) => {
  const { stripe, door } = await startEmulator(t);
  const session = await stripe.checkout.sessions.create({
    mode: "subscription",
    line_items: [{ price: "price_business", quantity: 1 }],
    success_url: "https://example.com/thanks",
    client_reference_id: "acme",
    locale: "fr",
    metadata: { plan: "business" },
    subscription_data: { metadata: { subdomain: "acme" } },
    custom_fields: [{ key: "subdomain", label: { type: "custom", custom: "Address" }, type: "text" }],
  });
  assert.equal(session.status, "open");
  await door("POST", `/checkout/sessions/${session.id}/complete`, {
    email: "anna@example.com",
    company: "Acme Ltd",
    country: "FR",
    fields: { subdomain: "acme" },
  });

  const paid = await stripe.checkout.sessions.retrieve(session.id, { expand: ["subscription", "invoice", "customer"] });
  assert.equal(paid.status, "complete");
  assert.equal(paid.payment_status, "paid");
  assert.equal(paid.custom_fields[0]?.text?.value, "acme");
  assert.equal(paid.customer_details?.email, "anna@example.com");
  assert.equal(paid.customer_details?.address?.country, "FR");
  const subscription = paid.subscription as Stripe.Subscription;
  assert.equal(subscription.status, "active");
  assert.deepEqual(subscription.metadata, { subdomain: "acme" });
  assert.equal(subscription.items.data[0]?.price.id, "price_business");
  assert.ok((subscription.items.data[0]?.current_period_end ?? 0) > subscription.created);
  const invoice = paid.invoice as Stripe.Invoice;
  assert.equal(invoice.status, "paid");
  assert.equal(invoice.parent?.subscription_details?.subscription, subscription.id);
  assert.equal(invoice.total, 9900);
  const found = await stripe.checkout.sessions.list({ subscription: subscription.id });
  assert.deepEqual(
    found.data.map((one) => one.id),
    [session.id],
  );
});

test("lists are newest first and can be walked page by page", async (t) => {
  const { stripe, checkout } = await startEmulator(t);
  const made: string[] = [];
  for (const subdomain of ["one", "two", "three", "four", "five"])
    made.push((await checkout({ subdomain })).subscription.id);
  const first = await stripe.subscriptions.list({ limit: 2 });
  assert.deepEqual(
    first.data.map((one) => one.id),
    made.toReversed().slice(0, 2),
  );
  assert.equal(first.has_more, true);
  const all: string[] = [];
  for await (const subscription of stripe.subscriptions.list({ limit: 2 })) all.push(subscription.id);
  assert.deepEqual(all, made.toReversed());
  const before = await stripe.subscriptions.list({ limit: 2, ending_before: made[2] ?? "" });
  assert.deepEqual(
    before.data.map((one) => one.id),
    made.toReversed().slice(0, 2),
  );
  await assert.rejects(stripe.subscriptions.list({ starting_after: "sub_unknown" }), /No such subscription/);
});

test("canceled subscriptions are listed only when asked for", async (t) => {
  const { stripe, checkout } = await startEmulator(t);
  const { subscription } = await checkout({ subdomain: "acme" });
  await stripe.subscriptions.cancel(subscription.id);
  assert.equal((await stripe.subscriptions.list()).data.length, 0);
  assert.equal((await stripe.subscriptions.list({ status: "all" })).data.length, 1);
  const gone = await stripe.subscriptions.retrieve(subscription.id);
  assert.equal(gone.status, "canceled");
  assert.ok(gone.ended_at !== null);
});

test("events are listed by type and time, and kept for 30 days", async (t) => {
  const { stripe, checkout, door } = await startEmulator(t);
  await checkout({ subdomain: "acme" });
  const all = await stripe.events.list({ limit: 100 });
  assert.ok(all.data.some((event) => event.type === "customer.created"));
  assert.ok(all.data.every((event) => event.api_version === Stripe.API_VERSION));
  const some = await stripe.events.list({ types: ["invoice.paid", "customer.subscription.created"] });
  assert.deepEqual(
    new Set(some.data.map((event) => event.type)),
    new Set(["invoice.paid", "customer.subscription.created"]),
  );
  const [event] = some.data;
  assert.ok(event !== undefined);
  assert.equal((await stripe.events.retrieve(event.id)).type, event.type);
  assert.equal((await stripe.events.list({ created: { lt: event.created } })).data.length, 0);
  await door("POST", "/clock", { days: 29 });
  assert.equal((await stripe.events.list({ type: "customer.created" })).data.length, 1);
  await door("POST", "/clock", { days: 2 });
  assert.equal((await stripe.events.list({ type: "customer.created" })).data.length, 0);
  await assert.rejects(stripe.events.retrieve(event.id), /No such event/);
});

test("errors come in Stripe's envelope, and the package makes its own classes of them", async (t) => {
  const { stripe, url } = await startEmulator(t);
  await assert.rejects(stripe.subscriptions.retrieve("sub_none"), (error: unknown) => {
    assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
    assert.equal(error.code, "resource_missing");
    assert.equal(error.statusCode, 404);
    return true;
  });
  const wrongKey = new Stripe("sk_test_someoneelses00", {
    host: "127.0.0.1",
    port: new URL(url).port,
    protocol: "http",
    maxNetworkRetries: 0,
  });
  await assert.rejects(
    wrongKey.subscriptions.list(),
    (error: unknown) =>
      error instanceof Stripe.errors.StripeAuthenticationError && !error.message.includes("someoneelses"),
  );
  await assert.rejects(
    stripe.subscriptions.create({ customer: "cus_none", items: [{ price: "price_starter" }] }),
    /No such customer/,
  );
  await assert.rejects(stripe.checkout.sessions.create({ mode: "payment", line_items: [] }), /subscription mode/);
  await assert.rejects(stripe.customers.create({ tax_exempt: "none" }), /unknown parameter: tax_exempt/);
});

test("what the emulator does not have is answered with 501, naming method and path", async (t) => {
  const { stripe, url } = await startEmulator(t);
  await assert.rejects(stripe.refunds.create({ charge: "ch_1" }), (error: unknown) => {
    assert.ok(error instanceof Stripe.errors.StripeAPIError);
    assert.equal(error.statusCode, 501);
    assert.match(error.message, /POST \/v1\/refunds/);
    return true;
  });
  const page = await fetch(`${url}/nothing`);
  assert.equal(page.status, 501);
});

test("another API version is refused", async (t) => {
  const { url } = await startEmulator(t);
  const { hostname, port } = new URL(url);
  const old = new Stripe("sk_test_0123456789abcdef", {
    host: hostname,
    port,
    protocol: "http",
    // @ts-expect-error the types know only the package's own version
    apiVersion: "2022-11-15",
    maxNetworkRetries: 0,
  });
  await assert.rejects(old.customers.list(), /speaks the API version 2026-10-28.endive only, not 2022-11-15/);
});

test("a repeated idempotency key gives the first answer again, and is refused for other parameters", async (t) => {
  const { stripe } = await startEmulator(t);
  const first = await stripe.customers.create({ email: "a@example.com" }, { idempotencyKey: "k1" });
  const again = await stripe.customers.create({ email: "a@example.com" }, { idempotencyKey: "k1" });
  assert.equal(again.id, first.id);
  assert.equal(again.lastResponse.headers["idempotent-replayed"], "true");
  await assert.rejects(
    stripe.customers.create({ email: "b@example.com" }, { idempotencyKey: "k1" }),
    (error: unknown) => error instanceof Stripe.errors.StripeIdempotencyError,
  );
  assert.equal((await stripe.customers.list()).data.length, 1);
});

test("a create whose answer was lost is made once, because the package tries again with the same key", async (t) => {
  const { url, door } = await startEmulator(t);
  const stripe = client(url, { maxNetworkRetries: 2 });
  await door("POST", "/faults", { method: "POST", path: "/customers", kind: "lost-response" });
  await stripe.customers.create({ email: "a@example.com" });
  assert.equal((await stripe.customers.list()).data.length, 1);
});

test("faults: errors, rate limits, broken connections and slowness, each as often as told", async (t) => {
  const { stripe, door } = await startEmulator(t);
  await door("POST", "/faults", { kind: "status", status: 429 });
  await assert.rejects(
    stripe.customers.list(),
    (error: unknown) => error instanceof Stripe.errors.StripeRateLimitError,
  );
  await door("POST", "/faults", { kind: "status", status: 503, path: "/events", times: 2 });
  await stripe.customers.list();
  await assert.rejects(stripe.events.list(), (error: unknown) => error instanceof Stripe.errors.StripeAPIError);
  await assert.rejects(stripe.events.list());
  await stripe.events.list();
  await door("POST", "/faults", { kind: "drop", times: 2 }); // a first reset of a kept connection is retried by the package in any case
  await assert.rejects(
    stripe.customers.list(),
    (error: unknown) => error instanceof Stripe.errors.StripeConnectionError,
  );
  await door("POST", "/faults", { kind: "latency", ms: 50 });
  const before = performance.now();
  await stripe.customers.list();
  assert.ok(performance.now() - before >= 49);
  await door("POST", "/faults", { kind: "drop", times: 9 });
  await door("DELETE", "/faults");
  await stripe.customers.list();
});
