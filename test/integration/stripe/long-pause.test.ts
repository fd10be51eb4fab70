import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { openShop } from "./shop.ts";

suite("a server that was away for longer than Stripe lists events", () => {
  test("after a pause longer than Stripe's list reaches, every subscription is read", async (t) => {
    const shop = await openShop(t, { stripe: { webhook: undefined } });
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.catchUp();
    await shop.settle();
    await shop.stripe.stripe.subscriptions.cancel(subscription.id);
    const later = await shop.stripe.checkout({ subdomain: "later" });
    await shop.days(40);
    await shop.stripe.restart(); // forgets events older than 30 days
    const { reread } = await shop.catchUp();
    assert.ok(reread >= 2);
    assert.equal((await shop.tenant(subscription.id))?.wanted, "deleted");
    assert.equal((await shop.tenant(later.subscription.id))?.wanted, "active");
  });

  test("after such a pause it is also known who has paid for the first time, though the subscription is older", async (t) => {
    const shop = await openShop(t, { stripe: { webhook: undefined } });
    const debit = await shop.stripe.checkout({ subdomain: "acme", payment: "later" });
    await shop.catchUp();
    await shop.settle();
    assert.equal(await shop.tenant(debit.subscription.id), undefined, "its bank debit takes days");
    await shop.days(2);
    await shop.stripe.checkout({ subdomain: "other" });
    await shop.catchUp();
    await shop.settle();
    await shop.stripe.door("POST", `/checkout/sessions/${debit.session.id}/settle`, { paid: true });
    await shop.days(40);
    await shop.stripe.restart(); // forgets events older than 30 days
    await shop.catchUp();
    assert.equal((await shop.tenant(debit.subscription.id))?.wanted, "active");
  });
});
