import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { openShop } from "./shop.ts";

suite("a customer with several subscriptions", () => {
  test("has a tenant for each, and the end of one leaves the other alone", async (t) => {
    const shop = await openShop(t);
    const { stripe } = shop.stripe;
    const first = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    const more = { customer: first.customer.id, items: [{ price: "price_business" }] };
    const second = await stripe.subscriptions.create({ ...more, metadata: { subdomain: "acme-shop" } });
    await shop.settle();
    assert.equal((await shop.tenant(second.id))?.plan_type, "business");
    await stripe.subscriptions.cancel(first.subscription.id);
    await shop.settle();
    assert.equal((await shop.tenant(first.subscription.id))?.wanted, "suspended");
    assert.equal((await shop.tenant(second.id))?.wanted, "active");
    await shop.days(31);
    await shop.settle();
    await shop.sweep();
    assert.equal((await shop.tenant(first.subscription.id))?.wanted, "deleted");
    assert.equal((await shop.tenant(second.id))?.wanted, "active");
  });

  test("does not get a second tenant under the name of one that is in use, but an operator is told", async (t) => {
    const shop = await openShop(t);
    const first = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    const second = await shop.stripe.stripe.subscriptions.create({
      customer: first.customer.id,
      items: [{ price: "price_business" }],
      metadata: { subdomain: "acme" },
    });
    await shop.settle();
    assert.equal(await shop.tenant(second.id), undefined);
    assert.equal((await shop.tenant(first.subscription.id))?.plan_type, "starter");
    const tasks = await shop.rows("select kind, subscription_id from operator_tasks where resolved_at is null");
    assert.deepEqual(tasks, [{ kind: "subdomain-taken", subscription_id: second.id }]);
  });

  test("who is deleted at Stripe, keeps the data for the retention as any other", async (t) => {
    const shop = await openShop(t);
    const { customer, subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    await shop.stripe.stripe.customers.del(customer.id);
    await shop.settle();
    const tenant = await shop.tenant(subscription.id);
    assert.deepEqual([tenant?.wanted, tenant?.wanted_reason], ["suspended", "canceled"]);
    assert.deepEqual(await shop.rows("select from operator_tasks"), []);
  });
});
