import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { catchUp } from "../../../automation/stripe/catch-up.ts";
import type { StripeDeps } from "../../../automation/stripe/deps.ts";
import { handleStripeEvent } from "../../../automation/stripe/handle-event.ts";
import { reopenEvent } from "../../../automation/stripe/inbox.ts";
import { subscriptionsWithTasks } from "../../../automation/stripe/operator-task.ts";
import { synchronise } from "../../../automation/stripe/synchronise.ts";
import { delivered, openShop, type Shop } from "./shop.ts";

suite("what goes wrong between Stripe and here is made good", () => {
  const by = { name: "stripe" } as const;

  /** Subscriptions read from here on come at once, but are handed over only when told. */
  function slowReading(shop: Shop): { deps: StripeDeps; began: Promise<void>; deliver: () => void } {
    const { stripe } = shop.stripe;
    const read = Promise.withResolvers<undefined>();
    const gate = Promise.withResolvers<undefined>();
    const subscriptions = Object.create(stripe.subscriptions) as typeof stripe.subscriptions;
    subscriptions.retrieve = async (...request: Parameters<typeof stripe.subscriptions.retrieve>) => {
      const seen = await stripe.subscriptions.retrieve(...request);
      read.resolve(undefined);
      await gate.promise;
      return seen;
    };
    const slow = Object.create(stripe, { subscriptions: { value: subscriptions } }) as typeof stripe;
    return { deps: { ...shop.deps, stripe: slow }, began: read.promise, deliver: () => gate.resolve(undefined) };
  }

  /** Stripe's list of events comes five at a time; `asked` is called for each page. */
  function bySmallPages(shop: Shop, asked: () => void): StripeDeps {
    const { stripe } = shop.stripe;
    const events = Object.create(stripe.events) as typeof stripe.events;
    events.list = (params, ...more) => {
      asked();
      return stripe.events.list({ ...params, limit: 5 }, ...more);
    };
    return { ...shop.deps, stripe: Object.create(stripe, { events: { value: events } }) as typeof stripe };
  }

  test("a reading that began earlier and arrives later changes nothing", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    const { deps, began, deliver } = slowReading(shop);
    const late = synchronise(subscription.id, by, deps); // reads "active"
    await began;
    await shop.stripe.stripe.subscriptions.cancel(subscription.id);
    await synchronise(subscription.id, by, shop.deps);
    deliver();
    assert.match((await late).detail, /newer reading/);
    assert.equal((await shop.tenant(subscription.id))?.wanted, "suspended");
  });

  test("an event that arrives while a reading is under way is not settled by it", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    const { deps, began, deliver } = slowReading(shop);
    const reading = synchronise(subscription.id, by, deps); // reads "active"
    await began;
    await shop.stripe.stripe.subscriptions.cancel(subscription.id);
    await delivered(shop.stripe);
    deliver();
    await reading;
    assert.equal((await shop.tenant(subscription.id))?.wanted, "active");
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.wanted, "suspended");
  });

  test("the same holds for a subscription that never got a tenant", async (t) => {
    const shop = await openShop(t, { policy: { retentionDays: 0 } });
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await delivered(shop.stripe);
    const { deps, began, deliver } = slowReading(shop);
    const late = synchronise(subscription.id, by, deps);
    await began;
    await shop.stripe.stripe.subscriptions.cancel(subscription.id);
    assert.equal((await synchronise(subscription.id, by, shop.deps)).outcome, "ignored");
    deliver();
    await late;
    assert.equal(await shop.tenant(subscription.id), undefined);
  });

  test("all jobs of a checkout at once, on several workers, make one tenant", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await delivered(shop.stripe);
    const jobs = await shop.queue.take("stripe-event");
    await Promise.all([...jobs, ...jobs].map((job) => handleStripeEvent(job, shop.deps)));
    assert.equal(
      (await shop.rows("select from tenant_deployments where subscription_id = $1", [subscription.id])).length,
      1,
    );
    assert.equal((await shop.rows("select from stripe_events where handled_at is null")).length, 0);
  });

  test("one reading settles all events of its subscription that had arrived", async (t) => {
    const shop = await openShop(t);
    await shop.stripe.checkout({ subdomain: "acme" });
    await delivered(shop.stripe);
    const [first, ...rest] = await shop.queue.take("stripe-event");
    assert.ok(first !== undefined && rest.length >= 2);
    await handleStripeEvent(first, shop.deps);
    assert.equal((await shop.rows("select from stripe_events where handled_at is null")).length, 0);
    const blind: StripeDeps = { ...shop.deps, stripe: {} as StripeDeps["stripe"] }; // would throw if it were asked
    for (const job of rest) await handleStripeEvent(job, blind);
  });

  test("an event can be handled again on an operator's wish", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.settle();
    await shop.rows("update tenant_deployments set plan_type = 'business'");
    const [event] = await shop.rows("select id from stripe_events limit 1");
    const id = String(event?.["id"]);
    await handleStripeEvent(id, shop.deps);
    assert.equal((await shop.tenant(subscription.id))?.plan_type, "business");
    assert.equal(await shop.database.transaction((tx) => reopenEvent(tx, id)), true);
    await handleStripeEvent(id, shop.deps);
    assert.equal((await shop.tenant(subscription.id))?.plan_type, "starter");
  });

  test("while Stripe does not answer, the job fails for another try and nothing changes", async (t) => {
    const shop = await openShop(t);
    await shop.stripe.checkout({ subdomain: "acme" });
    await delivered(shop.stripe);
    const jobs = await shop.queue.take("stripe-event");
    for (const fault of [
      { kind: "status", status: 500 },
      { kind: "status", status: 429 },
      { kind: "drop", times: 2 },
    ]) {
      await shop.stripe.door("POST", "/faults", fault);
      await assert.rejects(handleStripeEvent(jobs[0] ?? "", shop.deps));
      await shop.stripe.door("DELETE", "/faults");
    }
    assert.equal((await shop.rows("select from stripe_events where handled_at is not null")).length, 0);
    await handleStripeEvent(jobs[0] ?? "", shop.deps);
    assert.equal((await shop.rows("select from tenant_deployments")).length, 1);
  });

  test("nobody is suspended or deleted by the clock while Stripe cannot be asked", async (t) => {
    const shop = await openShop(t, { stripe: { afterLastRetry: "past_due", paymentRetryDays: [] } });
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    const other = await shop.stripe.checkout({ subdomain: "other" });
    await shop.settle();
    for (const one of [subscription, other.subscription])
      await shop.stripe.door("POST", `/subscriptions/${one.id}/fail`);
    await shop.settle();
    await shop.days(8);
    await shop.stripe.door("POST", "/faults", {
      kind: "status",
      status: 500,
      path: `/subscriptions/${subscription.id}`,
    });
    assert.deepEqual(await shop.sweep(), { due: 2, failed: 1 });
    assert.equal((await shop.tenant(subscription.id))?.wanted, "active");
    assert.equal((await shop.tenant(other.subscription.id))?.wanted, "suspended");
    assert.deepEqual(await shop.sweep(), { due: 1, failed: 0 });
    assert.equal((await shop.tenant(subscription.id))?.wanted, "suspended");
  });

  test("the clock suspends nobody whose payment was only not heard of", async (t) => {
    const shop = await openShop(t, { stripe: { afterLastRetry: "past_due", paymentRetryDays: [] } });
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.stripe.door("POST", `/subscriptions/${subscription.id}/fail`);
    await shop.settle();
    await shop.stripe.door("POST", "/deliveries/hold");
    await shop.stripe.door("POST", `/subscriptions/${subscription.id}/pay`);
    await shop.stripe.door("POST", "/deliveries/release", { drop: 1 });
    await shop.days(8);
    assert.deepEqual(await shop.sweep(), { due: 1, failed: 0 });
    const tenant = await shop.tenant(subscription.id);
    assert.equal(tenant?.wanted, "active");
    assert.equal(tenant.grace_until, null);
  });

  test("events that never came are found in Stripe's list, cancellations too", async (t) => {
    const shop = await openShop(t);
    await shop.stripe.door("POST", "/deliveries/hold");
    const lost = await shop.stripe.checkout({ subdomain: "lost" });
    const left = await shop.stripe.checkout({ subdomain: "left" });
    await shop.stripe.stripe.subscriptions.cancel(left.subscription.id);
    await shop.stripe.door("POST", "/deliveries/release", { drop: 1 });
    await shop.settle();
    assert.equal((await shop.rows("select from stripe_events")).length, 0);
    const { missed } = await shop.catchUp();
    assert.ok(missed >= 7, String(missed));
    await shop.settle();
    assert.equal((await shop.tenant(lost.subscription.id))?.wanted, "active");
    assert.equal((await shop.tenant(left.subscription.id))?.wanted, "suspended");
    assert.equal((await shop.catchUp()).missed, 0);
  });

  test("a list of many pages is read to its end", async (t) => {
    const shop = await openShop(t, { stripe: { webhook: undefined } });
    for (let count = 0; count < 8; count++) await shop.stripe.checkout({ subdomain: `tenant-${count}` });
    let pages = 0;
    const { missed } = await catchUp(bySmallPages(shop, () => (pages += 1)));
    assert.ok(pages > 2, `${pages} pages`);
    assert.equal(missed, (await shop.rows("select from stripe_events")).length);
    await shop.settle();
    assert.equal((await shop.rows("select from tenant_deployments")).length, 8);
  });

  test("a listing that fails halfway leaves the cursor, and the next one finds the rest", async (t) => {
    const shop = await openShop(t, { stripe: { webhook: undefined } });
    await shop.catchUp();
    for (let count = 0; count < 8; count++) await shop.stripe.checkout({ subdomain: `tenant-${count}` });
    let pages = 0;
    const broken = bySmallPages(shop, () => {
      if (++pages === 2) throw new Error("the line broke");
    });
    await assert.rejects(catchUp(broken), /the line broke/);
    await shop.catchUp();
    await shop.settle();
    assert.equal((await shop.rows("select from tenant_deployments")).length, 8);
  });

  test("a stored event whose job was lost is queued again", async (t) => {
    const shop = await openShop(t);
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await delivered(shop.stripe);
    await shop.queue.take("stripe-event");
    assert.equal((await shop.catchUp()).requeued, 0);
    await shop.rows("update stripe_events set received_at = received_at - interval '11 minutes'");
    assert.ok((await shop.catchUp()).requeued >= 3);
    await shop.settle();
    assert.equal((await shop.tenant(subscription.id))?.subdomain, "acme");
  });

  test("an event that still has its job is not queued twice, however long Stripe is away", async (t) => {
    const shop = await openShop(t);
    await shop.stripe.checkout({ subdomain: "acme" });
    await delivered(shop.stripe);
    await shop.rows("update stripe_events set received_at = received_at - interval '11 minutes'");
    assert.equal((await shop.catchUp()).requeued, 0);
    const [, ...lost] = await shop.queue.take("stripe-event");
    assert.ok(lost.length >= 2);
    await shop.rows(
      "insert into jobs (kind, subject) select 'stripe-event', id from stripe_events where id <> all($1)",
      [lost],
    );
    assert.equal((await shop.catchUp()).requeued, lost.length);
  });

  test("subscriptions that wait for an operator all get their turn, however many they are", async (t) => {
    const shop = await openShop(t);
    await shop.rows(
      "insert into operator_tasks (kind, subscription_id, detail, remedy) select 'no-room', 'sub_' || n, '', '' from generate_series(1, 4) n",
    );
    await shop.rows(
      "insert into stripe_subscriptions select 'sub_' || n, 'active', now() - interval '1 minute' * n from generate_series(1, 3) n",
    );
    assert.deepEqual(await subscriptionsWithTasks(shop.database, 2), ["sub_4", "sub_3"]);
    await shop.rows("insert into stripe_subscriptions values ('sub_4', 'missing', now())");
    await shop.rows("update stripe_subscriptions set read_at = now() where id = 'sub_3'");
    assert.deepEqual(await subscriptionsWithTasks(shop.database, 2), ["sub_2", "sub_1"]);
  });

  test("tenants whose clock has run out all get their turn, also behind many that stay as they are", async (t) => {
    const shop = await openShop(t, { stripe: { afterLastRetry: "past_due", paymentRetryDays: [] } });
    const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
    await shop.stripe.door("POST", `/subscriptions/${subscription.id}/fail`);
    await shop.settle();
    // Stripe does not know these any more: they are an operator's task, and stay.
    await shop.rows(`
      insert into tenant_deployments (subscription_id, container_id, subdomain, plan_type, customer_email, grace_until)
      select 'sub_gone' || n, 105, 'gone-' || n, 'starter', 'a@example.com', now() - interval '1 year'
      from generate_series(1, 20) n`);
    await shop.days(8);
    await shop.sweep(20);
    await shop.sweep(20);
    assert.equal((await shop.tenant(subscription.id))?.wanted, "suspended");
  });

  test("a server that is new to an account leaves alone what came long before", async (t) => {
    const shop = await openShop(t, { stripe: { webhook: undefined } });
    await shop.stripe.checkout({ subdomain: "old" });
    await shop.days(2);
    await shop.catchUp();
    assert.equal((await shop.rows("select from stripe_events")).length, 0);
  });
});
