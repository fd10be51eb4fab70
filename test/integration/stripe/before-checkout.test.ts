import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { StripeDeps } from "../../../automation/stripe/deps.ts";
import { handleStripeEvent } from "../../../automation/stripe/handle-event.ts";
import { delivered, openShop } from "./shop.ts";

suite("a subscription that is heard of before its checkout", () => {
  test("a payment that is heard of before its checkout is complete waits for the name that was chosen there", async (t) => {
    const shop = await openShop(t);
    const field = { key: "subdomain", label: { type: "custom", custom: "Address" }, type: "text" } as const;
    const session = await shop.stripe.stripe.checkout.sessions.create({
      mode: "subscription",
      line_items: [{ price: "price_starter" }],
      custom_fields: [field],
    });
    await shop.stripe.door("POST", `/checkout/sessions/${session.id}/complete`, {
      email: "owner@example.com",
      company: "Acme Ltd",
      fields: { subdomain: "chosen" },
    });
    await delivered(shop.stripe);
    const sessions = Object.create(
      shop.stripe.stripe.checkout.sessions,
    ) as StripeDeps["stripe"]["checkout"]["sessions"];
    const none = { data: [] as unknown[] };
    sessions.list = () => none as never;
    const checkout = Object.create(shop.stripe.stripe.checkout, { sessions: { value: sessions } }) as object;
    const early = {
      ...shop.deps,
      stripe: Object.create(shop.stripe.stripe, { checkout: { value: checkout } }) as StripeDeps["stripe"],
    };
    const jobs = await shop.queue.take("stripe-event");
    for (const job of jobs) await assert.rejects(handleStripeEvent(job, early), { name: "CheckoutMayFollow" });
    assert.deepEqual(await shop.rows("select from tenant_deployments"), []);
    for (const job of jobs) await handleStripeEvent(job, shop.deps);
    assert.deepEqual(await shop.rows("select subdomain from tenant_deployments"), [{ subdomain: "chosen" }]);
  });

  test("a subscription that no checkout has made gets its tenant a moment later", async (t) => {
    const shop = await openShop(t);
    const customer = await shop.stripe.stripe.customers.create({
      email: "owner@example.com",
      name: "Acme Ltd",
      payment_method: "pm_card_visa",
    });
    const order = { customer: customer.id, items: [{ price: "price_starter" }] };
    await shop.stripe.stripe.subscriptions.create(order);
    await delivered(shop.stripe);
    const [job = ""] = await shop.queue.take("stripe-event");
    await assert.rejects(handleStripeEvent(job, shop.deps), { name: "CheckoutMayFollow" });
    await shop.days(31 / 86_400);
    await handleStripeEvent(job, shop.deps);
    assert.deepEqual(await shop.rows("select subdomain from tenant_deployments"), [{ subdomain: "acme-ltd" }]);
    await shop.stripe.stripe.subscriptions.create({ ...order, metadata: { subdomain: "named" } });
    await shop.settle();
    assert.equal((await shop.rows("select from tenant_deployments where subdomain = 'named'")).length, 1, "at once");
  });
});
