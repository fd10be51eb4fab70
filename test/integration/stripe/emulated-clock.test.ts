import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { connectStripe } from "../../../automation/stripe/client.ts";
import { sweepClocks } from "../../../automation/stripe/clocks.ts";
import { API_KEY } from "../../unit/stripe-emulator/emulator.ts";
import { openShop } from "./shop.ts";

const DAY = 86_400_000;

suite("the clock of grace and retention", () => {
  test("follows an emulated Stripe's, whose clock can be moved", async (t) => {
    const shop = await openShop(t);
    const { client, now } = connectStripe({ apiKey: API_KEY, apiBase: shop.stripe.url });
    const deps = { ...shop.deps, stripe: client, now };
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    await shop.stripe.stripe.subscriptions.cancel(subscription.id);
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.wanted, "suspended");
    await client.customers.list();
    assert.ok(Math.abs(now().getTime() - Date.now()) < 100);
    assert.equal((await sweepClocks(deps)).due, 0);
    await shop.stripe.door("POST", "/clock", { days: 31 });
    await client.events.list(); // as every catch-up does
    assert.ok(Math.abs(now().getTime() - Date.now() - 31 * DAY) < 10_000);
    assert.equal((await sweepClocks(deps)).due, 1);
    assert.equal((await shop.tenant(subscription.id))?.wanted, "deleted");
  });

  test("is this machine's for Stripe itself", () => {
    const { now } = connectStripe({ apiKey: API_KEY, apiBase: undefined });
    assert.ok(Math.abs(now().getTime() - Date.now()) < 100);
  });
});
