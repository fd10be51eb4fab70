import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { handleStripeEvent } from "../../../automation/stripe/handle-event.ts";
import { synchronise } from "../../../automation/stripe/synchronise.ts";
import { examplePlatform } from "../../components/example-platform.ts";
import { openShop, type Shop } from "./shop.ts";

suite("who has paid gets a tenant, or an operator gets a task", () => {
  const openTasks = (shop: Shop): Promise<Record<string, unknown>[]> =>
    shop.rows(
      "select kind, subscription_id, tenant_id, detail, remedy from operator_tasks where resolved_at is null order by id",
    );

  test("a proposed name that is taken gives way to the next", async (t) => {
    const shop = await openShop(t, { platform: { reservedSubdomains: ["acme-2"] } });
    const names: (string | undefined)[] = [];
    for (let count = 0; count < 3; count++) {
      const { subscription } = await shop.stripe.checkout({ company: "Acme" });
      await shop.settle();
      names.push((await shop.tenant(subscription.id))?.subdomain);
    }
    assert.deepEqual(names, ["acme", "acme-3", "acme-4"]);
    assert.deepEqual(await openTasks(shop), []);
    const [event] = await shop.rows("select detail from stripe_events order by handled_at desc limit 1");
    assert.match(String(event?.["detail"]), /"acme" could not be had/);
  });

  test("two checkouts that propose the same name at once both get one", async (t) => {
    const shop = await openShop(t);
    const both = await Promise.all([
      shop.stripe.checkout({ company: "Acme" }),
      shop.stripe.checkout({ company: "Acme" }),
    ]);
    await shop.settle(); // all are handled: again, side by side, on an empty table
    await shop.rows(
      "truncate tenant_deployments, stripe_subscriptions, operations, operation_events, stripe_events cascade",
    );
    for (const { subscription } of both) {
      await shop.rows(
        "insert into stripe_events (id, type, livemode, created_at, subscription_id, body) values ($1, 'invoice.paid', false, now(), $2, '{}')",
        [`evt_${subscription.id}`, subscription.id],
      );
    }
    await Promise.all(both.map(({ subscription }) => handleStripeEvent(`evt_${subscription.id}`, shop.deps)));
    const names = await Promise.all(
      both.map(async ({ subscription }) => (await shop.tenant(subscription.id))?.subdomain),
    );
    assert.deepEqual(new Set(names), new Set(["acme", "acme-2"]));
  });

  test("a chosen name that is taken waits for an operator, whose correction in Stripe makes the tenant", async (t) => {
    const shop = await openShop(t);
    await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme", email: "second@example.com" });
    await shop.settle();
    assert.equal(await shop.tenant(subscription.id), undefined);
    const [task, ...more] = await openTasks(shop);
    assert.equal(more.length, 0);
    assert.equal(task?.["kind"], "subdomain-taken");
    assert.equal(task["subscription_id"], subscription.id);
    assert.match(String(task["detail"]), /"acme" is taken/);
    assert.match(String(task["remedy"]), new RegExp(`metadata "subdomain" of ${subscription.id}`));
    const outcomes = await shop.rows("select distinct outcome from stripe_events where subscription_id = $1", [
      subscription.id,
    ]);
    assert.deepEqual(outcomes, [{ outcome: "task" }]);

    await shop.stripe.stripe.subscriptions.update(subscription.id, { metadata: { subdomain: "acme-north" } });
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.subdomain, "acme-north");
    assert.deepEqual(await openTasks(shop), []);
    const audit = await shop.rows("select action from audit_log where action like 'task.%'");
    assert.deepEqual(audit, [{ action: "task.open" }]);
  });

  test("names that cannot be are told with what is wrong", async (t) => {
    const shop = await openShop(t);
    for (const [subdomain, problem] of [
      ["www", /reserved/],
      ["a", /at least 3/],
      ["no spaces", /only a-z/],
      ["x'; drop table tenant_deployments; --", /at most 32|only a-z/],
      ["été", /only a-z/],
    ] as const) {
      const { subscription } = await shop.stripe.checkout({ subdomain, client_reference_id: "ref" });
      await shop.settle();
      const [task] = await shop.rows("select kind, detail from operator_tasks where subscription_id = $1", [
        subscription.id,
      ]);
      assert.equal(task?.["kind"], "subdomain-invalid", subdomain);
      const named = String(task?.["detail"]).split(`"${subdomain}"`).length - 1;
      assert.equal(named, 1, `the name stands once in ${String(task?.["detail"])}`);
      assert.match(String(task["detail"]), problem);
    }
    assert.equal((await shop.rows("select from tenant_deployments")).length, 0);
  });

  test("upper case is only a spelling", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "Acme" });
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.subdomain, "acme");
  });

  test("an unknown price is a task, which a catch-up resolves once the price is configured", async (t) => {
    const shop = await openShop(t, { prices: { price_other: "starter" } });
    const { stripe } = shop.stripe;
    const payer = { email: "a@example.com", name: "Acme", payment_method: "pm_card_visa" };
    const customer = await stripe.customers.create(payer);
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: "price_business" }],
    });
    await shop.days(1 / 1_440); // no checkout has made it
    await shop.settle();
    assert.equal((await openTasks(shop))[0]?.["kind"], "price-unknown");
    (shop.deps.settings.prices as Map<string, string>).set("prod_business", "business");
    assert.equal((await shop.catchUp()).reread, 1);
    assert.equal((await shop.tenant(subscription.id))?.plan_type, "business");
    assert.deepEqual(await openTasks(shop), []);
  });

  test("in an account with other businesses, unknown prices can be left alone", async (t) => {
    const shop = await openShop(t, { prices: { price_other: "starter" }, unknownPrices: "ignore" });
    const { stripe } = shop.stripe;
    const customer = await stripe.customers.create({ email: "a@example.com", payment_method: "pm_card_visa" });
    await stripe.subscriptions.create({ customer: customer.id, items: [{ price: "price_business" }] });
    await shop.days(1 / 1_440); // no checkout has made it
    await shop.settle();
    assert.deepEqual(await openTasks(shop), []);
    assert.equal((await shop.rows("select from tenant_deployments")).length, 0);
  });

  test("a full platform is a task, and the tenant comes when there is room", async (t) => {
    const [host] = examplePlatform().hosts;
    const shop = await openShop(t, { platform: { hosts: [{ ...host, capacity: 1 }] } });
    await shop.stripe.checkout({ subdomain: "first" });
    await shop.settle();
    const { subscription } = await shop.stripe.checkout({ subdomain: "second" });
    await shop.settle();
    const [task] = await openTasks(shop);
    assert.equal(task?.["kind"], "no-room");
    assert.match(String(task["remedy"]), /Add a host/);
    await shop.rows("update tenant_deployments set state = 'deleted' where subdomain = 'first'");
    await shop.catchUp();
    assert.equal((await shop.tenant(subscription.id))?.subdomain, "second");
    assert.deepEqual(await openTasks(shop), []);
  });

  test("a plan that the platform does not have leaves a running tenant's plan, and still suspends it", async (t) => {
    const shop = await openShop(t, { prices: { price_starter: "starter", price_business: "enterprise" } });
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    await shop.stripe.stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]?.id ?? "", price: "price_business" }],
    });
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.plan_type, "starter");
    const [task] = await openTasks(shop);
    assert.equal(task?.["kind"], "plan-unknown");
    assert.match(String(task["remedy"]), /starter, business.*STRIPE_PRICES/);
    await shop.stripe.stripe.subscriptions.cancel(subscription.id);
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.wanted, "suspended");
  });

  test("who pays for a deleted tenant is an operator's business; it does not come back by itself", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    const tenant = await shop.tenant(subscription.id);
    await shop.tenants.changeWish(
      tenant?.id ?? 0,
      { wanted: "deleted", wantedReason: "operator" },
      { name: "user:eve" },
    );
    for (const state of ["active", "deleting", "deleted"]) {
      await shop.rows("update tenant_deployments set state = $1", [state]);
      await shop.stripe.stripe.subscriptions.update(subscription.id, { metadata: { touched: state } });
      await shop.settle();
      assert.equal((await shop.rows("select from tenant_deployments")).length, 1);
      assert.equal((await shop.tenant(subscription.id))?.wanted, "deleted");
    }
    assert.deepEqual(
      (await openTasks(shop)).map(({ kind }) => kind),
      ["tenant-deleted"],
    );
    await shop.stripe.stripe.subscriptions.cancel(subscription.id);
    await shop.settle();
    assert.deepEqual(await openTasks(shop), []);
  });

  test("a customer who comes back in time gets the old tenant back, and the old subscription no second one", async (t) => {
    const shop = await openShop(t);
    const { stripe } = shop.stripe;
    const first = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    const tenant = await shop.tenant(first.subscription.id);
    await stripe.subscriptions.cancel(first.subscription.id);
    await shop.settle();
    const again = await stripe.subscriptions.create({
      customer: first.customer.id,
      items: [{ price: "price_business" }],
      metadata: { subdomain: "acme" },
    });
    await shop.settle();
    const back = await shop.tenant(again.id);
    assert.equal(back?.id, tenant?.id);
    assert.equal(back?.wanted, "active");
    assert.equal(back.delete_after, null);
    assert.equal(back.plan_type, "business");

    // Late news of the ended one, and its clock, leave the tenant alone.
    await stripe.subscriptions.update(first.subscription.id, { metadata: { note: "late" } });
    await shop.settle();
    await synchronise(first.subscription.id, { name: "schedule" }, shop.deps);
    await shop.days(40);
    await shop.sweep();
    assert.equal((await shop.rows("select from tenant_deployments")).length, 1);
    assert.equal((await shop.tenant(again.id))?.wanted, "active");
    assert.deepEqual(await openTasks(shop), []);
  });

  test("another customer does not get it, though the address is the same", async (t) => {
    const shop = await openShop(t);
    const first = await shop.stripe.checkout({ subdomain: "acme", email: "anna@example.com" });
    await shop.settle();
    await shop.stripe.stripe.subscriptions.cancel(first.subscription.id);
    const second = await shop.stripe.checkout({ subdomain: "acme", email: "anna@example.com" });
    await shop.settle();
    assert.equal(await shop.tenant(second.subscription.id), undefined);
    assert.equal((await shop.tenant(first.subscription.id))?.wanted, "suspended");
    assert.deepEqual(
      (await openTasks(shop)).map(({ kind }) => kind),
      ["subdomain-taken"],
    );
  });

  test("a subscription whose tenant was given to another is told to an operator while it is paid", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    const tenant = await shop.tenant(subscription.id);
    await shop.tenants.changeWish(tenant?.id ?? 0, { subscriptionId: "sub_other" }, { name: "user:eve" });
    await shop.stripe.stripe.subscriptions.update(subscription.id, { metadata: { note: "x" } });
    await shop.settle();
    assert.deepEqual(
      (await openTasks(shop)).map(({ kind }) => kind),
      ["tenant-moved"],
    );
    assert.equal((await shop.rows("select from tenant_deployments")).length, 1);
    await shop.stripe.stripe.subscriptions.cancel(subscription.id);
    await shop.settle();
    assert.deepEqual(await openTasks(shop), []);
  });

  test("an operator's suspension holds whatever is paid, and its end is the operator's", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    const { id } = (await shop.tenant(subscription.id)) ?? { id: 0 };
    await shop.tenants.changeWish(id, { wanted: "suspended", wantedReason: "operator: spam" }, { name: "user:eve" });
    await shop.days(32);
    await shop.settle();
    await shop.stripe.stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]?.id ?? "", price: "price_business" }],
    });
    await shop.settle();
    const held = await shop.tenant(subscription.id);
    assert.equal(held?.wanted, "suspended");
    assert.equal(held.wanted_reason, "operator: spam");
    assert.equal(held.plan_type, "business");
    await shop.tenants.changeWish(id, { wanted: "active", wantedReason: null }, { name: "user:eve" });
    await shop.stripe.stripe.subscriptions.cancel(subscription.id);
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.wanted, "suspended");
    assert.equal((await shop.tenant(subscription.id))?.wanted_reason, "canceled");
  });

  test("a subscription that Stripe does not know suspends nobody", async (t) => {
    const shop = await openShop(t);
    await shop.tenants.request(
      { subdomain: "acme", planType: "starter", customerEmail: "a@example.com", subscriptionId: "sub_elsewhere" },
      { name: "user:eve" },
    );
    const outcome = await synchronise("sub_elsewhere", { name: "schedule" }, shop.deps);
    assert.equal(outcome.outcome, "task");
    assert.equal((await shop.tenant("sub_elsewhere"))?.wanted, "active");
    assert.equal((await openTasks(shop))[0]?.["kind"], "subscription-missing");
  });
});
