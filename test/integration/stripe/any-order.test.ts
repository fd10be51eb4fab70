import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import fc from "fast-check";
import { synchronise } from "../../../automation/stripe/synchronise.ts";
import { openShop, type Shop, type TenantColumns } from "./shop.ts";

/** What a customer, the bank or an operator of Stripe may do. `who` picks one of the subscriptions made so far. */
type Step =
  | {
      readonly kind: "checkout";
      readonly plan: string;
      readonly trialDays: number | undefined;
      readonly later: boolean;
    }
  | {
      readonly kind: "pay" | "fail" | "cancel" | "pause" | "resume" | "leave" | "stay" | "settle" | "bounce";
      readonly who: number;
    }
  | { readonly kind: "price"; readonly who: number; readonly price: string }
  | { readonly kind: "collection"; readonly who: number; readonly behavior: "void" | "keep_as_draft" | "" }
  | { readonly kind: "days"; readonly days: number };

const who = fc.nat(99);
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("checkout" as const),
      plan: fc.constantFrom("starter", "business"),
      trialDays: fc.option(fc.constant(5), { nil: undefined, freq: 4 }),
      later: fc.boolean(),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom("pay", "fail", "cancel", "pause", "resume", "leave", "stay", "settle", "bounce"),
      who,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("price" as const),
      who,
      price: fc.constantFrom("price_starter", "price_business"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("collection" as const),
      who,
      behavior: fc.constantFrom("void" as const, "keep_as_draft" as const, "" as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("days" as const), days: fc.integer({ min: 1, max: 12 }) }) },
);
const histories = fc.record({
  steps: fc
    .array(steps, { minLength: 4, maxLength: 14 })
    .map((some): Step[] => [{ kind: "checkout", plan: "starter", trialDays: undefined, later: false }, ...some]),
  // How deliveries go wrong, and whether the server looks at its jobs in between.
  seed: fc.integer(),
  duplicate: fc.constantFrom(0, 0.3, 1),
  drop: fc.constantFrom(0, 0.3, 1),
  lookAfter: fc.array(fc.boolean(), { minLength: 15, maxLength: 15 }),
});

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 6);

suite("events doubled, shuffled and lost", () => {
  test("property: the rows are those that Stripe's final objects give", async (t) => {
    await fc.assert(
      fc.asyncProperty(histories, async ({ steps: history, lookAfter, ...accidents }) => {
        const world = cleanUp(t);
        try {
          const shop = await openShop(world, {
            stripe: { paymentRetryDays: [2], afterLastRetry: "unpaid" },
            policy: { graceDays: 4, retentionDays: 9, trialRetentionDays: 3 },
          });
          await shop.catchUp(); // as a server does when it starts
          const subscriptions: Made[] = [];
          await shop.stripe.door("POST", "/deliveries/hold");
          for (const [index, step] of history.entries()) {
            await take(shop, step, subscriptions);
            if (lookAfter[index] !== true) continue;
            await shop.stripe.door("POST", "/deliveries/release", { ...accidents, shuffle: true });
            await shop.settle();
            await shop.sweep();
            await shop.stripe.door("POST", "/deliveries/hold");
          }
          await shop.stripe.door("POST", "/deliveries/release", { ...accidents, shuffle: true });
          await shop.settle();
          await shop.catchUp();
          await shop.settle();
          await shop.sweep();

          const seen = await wishes(shop, subscriptions);
          await shop.rows(
            "truncate tenant_deployments, stripe_subscriptions, operator_tasks, operations, operation_events, stripe_events cascade",
          );
          for (const { subscription } of subscriptions) await synchronise(subscription, { name: "stripe" }, shop.deps);
          assert.deepEqual(seen, await wishes(shop, subscriptions));
          const unhandled = await shop.rows("select from stripe_events where handled_at is null");
          assert.equal(unhandled.length, 0);
        } finally {
          await world.done();
        }
      }),
      {
        numRuns: RUNS,
        endOnFailure: RUNS <= 6,
        ...(process.env["PROPERTY_SEED"] === undefined ? {} : { seed: Number(process.env["PROPERTY_SEED"]) }),
      },
    );
  });
});

interface Made {
  readonly subscription: string;
  readonly session: string;
  readonly item: string;
}

/** A step that is impossible now (paying what is not owed) is refused by Stripe, and that is all. */
async function take(shop: Shop, step: Step, made: Made[]): Promise<void> {
  const { stripe, door } = shop.stripe;
  if (step.kind === "days") return await shop.days(step.days);
  if (step.kind === "checkout") {
    const { session, subscription } = await shop.stripe.checkout({
      subdomain: `tenant-${made.length}`,
      plan: step.plan,
      ...(step.trialDays === undefined ? {} : { trial_days: step.trialDays }),
      payment: step.later ? "later" : "now",
    });
    made.push({ subscription: subscription.id, session: session.id, item: subscription.items.data[0]?.id ?? "" });
    return;
  }
  const one = made[step.who % made.length];
  if (one === undefined) return;
  const { subscription, session, item } = one;
  const act = async (): Promise<unknown> => {
    switch (step.kind) {
      case "leave":
      case "stay":
        return await stripe.subscriptions.update(subscription, { cancel_at_period_end: step.kind === "leave" });
      case "settle":
      case "bounce":
        return await door("POST", `/checkout/sessions/${session}/settle`, { paid: step.kind === "settle" });
      case "price":
        return await stripe.subscriptions.update(subscription, { items: [{ id: item, price: step.price }] });
      case "collection":
        return await stripe.subscriptions.update(subscription, {
          pause_collection: step.behavior === "" ? "" : { behavior: step.behavior },
        });
      default:
        return await door("POST", `/subscriptions/${subscription}/${step.kind}`);
    }
  };
  await act().catch(() => undefined);
}

const COUNTS = [
  "subdomain",
  "plan_type",
  "customer_email",
  "customer_id",
  "settings",
  "wanted",
  "wanted_reason",
  "grace_until",
  "delete_after",
] as const;

/** What counts of each tenant; one that is to be deleted is as good as none. */
async function wishes(shop: Shop, subscriptions: readonly Made[]): Promise<unknown[]> {
  const all: unknown[] = [];
  for (const { subscription } of subscriptions) {
    const tenant: TenantColumns | undefined = await shop.tenant(subscription);
    if (tenant === undefined || tenant.wanted === "deleted") all.push("none");
    else all.push(Object.fromEntries(COUNTS.map((column) => [column, tenant[column]])));
  }
  return all;
}

/** Collects what one run of a property has to undo. */
function cleanUp(t: TestContext): Pick<TestContext, "after"> & { done: () => Promise<void> } {
  const undo: (() => unknown)[] = [];
  let finished = false;
  const done = async (): Promise<void> => {
    if (finished) return;
    finished = true;
    for (const one of undo.toReversed()) await one();
  };
  t.after(done);
  return { after: (one) => void undo.push(one as () => unknown), done };
}
