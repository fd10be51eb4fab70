import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { openShop } from "./shop.ts";

suite("a tenant's life by Stripe's events", () => {
  test("a paid checkout requests a tenant, with everything that Stripe knows", async (t) => {
    const shop = await openShop(t);
    const { session, customer } = await shop.stripe.checkout({
      subdomain: "acme",
      plan: "business",
      email: "anna@example.com",
      company: "Acme Ltd",
      country: "FR",
      locale: "fr",
      client_reference_id: "order-17",
    });
    await shop.settle();
    const tenant = await shop.tenant(session.subscription);
    assert.ok(tenant !== undefined);
    assert.equal(tenant.subdomain, "acme");
    assert.equal(tenant.plan_type, "business");
    assert.equal(tenant.customer_email, "anna@example.com");
    assert.equal(tenant.customer_id, customer.id);
    assert.equal(tenant.client_reference_id, "order-17");
    assert.deepEqual(tenant.settings, { companyName: "Acme Ltd", language: "fr_FR", country: "FR" });
    assert.equal(tenant.wanted, "active");
    assert.equal(tenant.wanted_reason, "paid");
    assert.deepEqual(await shop.queue.take("reconcile"), [String(tenant.id)]);
    const events = await shop.rows(
      "select type, outcome, tenant_id, handled_at is not null as handled from stripe_events",
    );
    assert.ok(events.length >= 3);
    assert.ok(
      events.every(
        (event) => event["outcome"] === "applied" && event["handled"] === true && event["tenant_id"] === tenant.id,
      ),
      JSON.stringify(events),
    );
    const audit = await shop.rows("select actor, action, request_id from audit_log");
    assert.deepEqual(
      audit.map(({ actor, action }) => [actor, action]),
      [["stripe", "tenant.request"]],
    );
    assert.match(String(audit[0]?.["request_id"]), /^evt_/);
  });

  test("an unpaid renewal leads through grace to suspension, and its payment back", async (t) => {
    const shop = await openShop(t, {
      policy: { graceDays: 7 },
      stripe: { afterLastRetry: "past_due", paymentRetryDays: [] },
    });
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    await shop.stripe.door("POST", `/subscriptions/${subscription.id}/fail`);
    await shop.settle();
    const late = await shop.tenant(subscription.id);
    assert.equal(late?.wanted, "active");
    assert.equal(late.wanted_reason, "payment failed");
    const days = ((late.grace_until?.getTime() ?? 0) - Date.now()) / 86_400_000;
    assert.ok(days > 6.99 && days <= 7, String(days));

    await shop.days(6.9);
    assert.deepEqual(await shop.sweep(), { due: 0, failed: 0 });
    await shop.days(0.2);
    assert.deepEqual(await shop.sweep(), { due: 1, failed: 0 });
    const suspended = await shop.tenant(subscription.id);
    assert.equal(suspended?.wanted, "suspended");
    assert.equal(suspended.grace_until, null);
    assert.equal(suspended.delete_after, null);

    await shop.stripe.door("POST", `/subscriptions/${subscription.id}/pay`);
    await shop.settle();
    const back = await shop.tenant(subscription.id);
    assert.equal(back?.wanted, "active");
    assert.equal(back.wanted_reason, "paid");
  });

  test("a payment within grace ends the grace", async (t) => {
    const shop = await openShop(t, { stripe: { afterLastRetry: "past_due" } });
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.stripe.door("POST", `/subscriptions/${subscription.id}/fail`);
    await shop.settle();
    await shop.stripe.door("POST", `/subscriptions/${subscription.id}/pay`);
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.grace_until, null);
    await shop.days(30);
    assert.equal((await shop.sweep()).due, 0);
  });

  test("a canceled subscription suspends, keeps data for the retention, then asks for deletion", async (t) => {
    const shop = await openShop(t, { policy: { retentionDays: 30 } });
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    await shop.stripe.stripe.subscriptions.cancel(subscription.id);
    await shop.settle();
    const suspended = await shop.tenant(subscription.id);
    assert.equal(suspended?.wanted, "suspended");
    assert.ok(suspended.delete_after !== null);
    await shop.days(29.9);
    assert.equal((await shop.sweep()).due, 0);
    await shop.days(0.2);
    assert.deepEqual(await shop.sweep(), { due: 1, failed: 0 });
    const doomed = await shop.tenant(subscription.id);
    assert.equal(doomed?.wanted, "deleted");
    assert.equal(doomed.delete_after, null);
    assert.deepEqual(await shop.sweep(), { due: 0, failed: 0 });
  });

  test("a subscription that ends with its period runs until then", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.stripe.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.wanted_reason, "cancels at the period's end");
    await shop.days(32);
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.wanted, "suspended");
  });

  test("a change of price changes the plan, up and down", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    for (const price of ["price_business", "price_starter"]) {
      await shop.stripe.stripe.subscriptions.update(subscription.id, {
        items: [{ id: subscription.items.data[0]?.id ?? "", price, quantity: 2 }],
      });
      await shop.settle();
      assert.equal((await shop.tenant(subscription.id))?.plan_type, price.slice("price_".length));
    }
    const [event] = await shop.rows("select detail from stripe_events order by handled_at desc limit 1");
    assert.match(String(event?.["detail"]), /quantity 2 makes no difference/);
  });

  test("a trial runs from its first day, and its end without a card suspends", async (t) => {
    const shop = await openShop(t);
    const { stripe } = shop.stripe;
    const customer = await stripe.customers.create({ email: "b@example.com", business_name: "Beta" });
    const trial = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: "price_starter" }],
      trial_period_days: 14,
      trial_settings: { end_behavior: { missing_payment_method: "pause" } },
    });
    await shop.days(1 / 1_440); // no checkout has made it
    await shop.settle();
    assert.equal((await shop.tenant(trial.id))?.subdomain, "beta");
    assert.equal((await shop.tenant(trial.id))?.wanted_reason, "trial");
    await shop.days(15);
    await shop.settle();
    assert.equal((await shop.tenant(trial.id))?.wanted_reason, "trial without payment");
  });

  test("a bank debit's tenant waits for the money", async (t) => {
    const shop = await openShop(t);
    const { session } = await shop.stripe.checkout({ subdomain: "acme", payment: "later" });
    await shop.settle();
    assert.equal(await shop.tenant(session.subscription), undefined);
    const [event] = await shop.rows(
      "select outcome, detail from stripe_events where type = 'checkout.session.completed'",
    );
    assert.equal(event?.["outcome"], "ignored");
    assert.match(String(event["detail"]), /nothing was paid yet/);
    await shop.stripe.door("POST", `/checkout/sessions/${session.id}/settle`, { paid: true });
    await shop.settle();
    assert.equal((await shop.tenant(session.subscription))?.wanted, "active");
  });

  test("an event that changes nothing asks for no run and writes no audit line", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    await shop.queue.take("reconcile");
    const tenant = await shop.tenant(subscription.id);
    await shop.stripe.stripe.subscriptions.update(subscription.id, { metadata: { note: "x" } });
    await shop.settle();
    assert.deepEqual(await shop.queue.take("reconcile"), []);
    assert.equal((await shop.tenant(subscription.id))?.generation, tenant?.generation);
    assert.equal((await shop.rows("select from audit_log")).length, 1);
    const [row] = await shop.rows("select outcome from stripe_events order by received_at desc limit 1");
    assert.equal(row?.["outcome"], "applied");
  });
});
