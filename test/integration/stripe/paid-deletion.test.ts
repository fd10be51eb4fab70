import assert from "node:assert/strict";
import { test } from "node:test";
import { noticePaidDeletion } from "../../../automation/stripe/paid-deletion.ts";
import { openShop } from "./shop.ts";

test("a deletion by hand says at once that the subscription goes on, until it has ended", async (t) => {
  const shop = await openShop(t);
  const openTasks = (): Promise<Record<string, unknown>[]> =>
    shop.rows("select kind from operator_tasks where resolved_at is null");
  const { subscription } = await shop.stripe.checkout({ subdomain: "acme" });
  await shop.settle();
  const { id = 0 } = (await shop.tenant(subscription.id)) ?? {};
  const by = { name: "user:eve" };
  const remove = (): Promise<string | undefined> =>
    shop.database.transaction(async (tx) => {
      const { tenant } = await shop.tenants.changeWish(id, { wanted: "deleted" }, by, { tx });
      return noticePaidDeletion(tx, tenant, by);
    });
  assert.match((await remove()) ?? "", /is active in Stripe, which goes on charging it\. End the subscription/);
  assert.deepEqual(
    (await openTasks()).map(({ kind }) => kind),
    ["tenant-deleted"],
  );
  await shop.catchUp();
  assert.equal((await openTasks()).length, 1, "it is paid still");
  await shop.stripe.stripe.subscriptions.cancel(subscription.id);
  await shop.settle();
  assert.deepEqual(await openTasks(), []);
  assert.equal(await remove(), undefined);
});
