import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openShop } from "./shop.ts";

describe("a plan that leaves the configuration", () => {
  test("leaves its tenants to Stripe's events as before: suspended, paid again, ended, deleted, and no task", async (t) => {
    const shop = await openShop(t);
    const { stripe } = shop.stripe;
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    delete shop.platform.plans["starter"];

    await stripe.subscriptions.update(subscription.id, { pause_collection: { behavior: "void" } });
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.wanted, "suspended");
    await stripe.subscriptions.update(subscription.id, { pause_collection: "" });
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.wanted, "active");
    await stripe.subscriptions.cancel(subscription.id);
    await shop.settle();
    await shop.days(40);
    await shop.sweep();
    assert.equal((await shop.tenant(subscription.id))?.wanted, "deleted");
    assert.equal((await shop.tenant(subscription.id))?.plan_type, "starter");
    assert.deepEqual(await shop.rows("select kind from operator_tasks"), []);
  });

  test("is refused to whoever changes to it", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    delete shop.platform.plans["business"];
    await shop.stripe.stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]?.id ?? "", price: "price_business" }],
    });
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.plan_type, "starter");
    assert.deepEqual(await shop.rows("select kind from operator_tasks"), [{ kind: "plan-unknown" }]);
  });
});
