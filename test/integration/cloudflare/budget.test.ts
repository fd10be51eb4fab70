import assert from "node:assert/strict";
import { test } from "node:test";
import { type BudgetLimit, CloudflareBudget, type Importance } from "../../../automation/cloudflare/budget.ts";
import { openDatabase } from "../../database.ts";

const db = await openDatabase();

let accounts = 0;

/** As one process sees it; each test has an account of its own. */
function budgetOf(limit: Partial<BudgetLimit> = {}) {
  const account = `account-${(accounts += 1)}`;
  const budget = new CloudflareBudget(db, { calls: 100, windowSeconds: 300, ...limit });
  const reserve = async (calls: number, importance: Importance = "customer", purpose = "provision") =>
    budget.reserve(account, { purpose, calls, importance });
  return { account, budget, reserve };
}

async function granted(grant: Awaited<ReturnType<CloudflareBudget["reserve"]>>) {
  assert.ok("reservation" in grant, JSON.stringify(grant));
  return grant.reservation;
}

test("reservations of all processes together stay within the limit, however many come at once", async () => {
  const { account, reserve } = budgetOf();
  const other = new CloudflareBudget(db, { calls: 100, windowSeconds: 300 });
  const grants = await Promise.all(
    Array.from({ length: 30 }, async (_, index) =>
      index % 2 === 0 ? reserve(8) : other.reserve(account, { purpose: "provision", calls: 8, importance: "customer" }),
    ),
  );
  assert.equal(grants.filter((grant) => "reservation" in grant).length, 12);
  assert.deepEqual((await other.use(account)).calls, { provision: 96 });
  await granted(await reserve(4));
});

test("what a run did not call others may, and what it called beyond its reservation counts", async () => {
  const { account, budget, reserve } = budgetOf();
  const first = await granted(await reserve(90));
  assert.ok("waitMs" in (await reserve(20)));
  await first.settle(10);
  const second = await granted(await reserve(20));
  await second.settle(85);
  assert.deepEqual((await budget.use(account)).calls, { provision: 95 });
  assert.ok("waitMs" in (await reserve(6)));
});

test("at the limit a resume still finds room that checks and changes may not use up", async () => {
  const { reserve } = budgetOf();
  await granted(await reserve(69, "background", "view"));
  assert.ok("waitMs" in (await reserve(2, "background", "view")));
  await granted(await reserve(20, "change", "update"));
  assert.ok("waitMs" in (await reserve(2, "change", "update")));
  await granted(await reserve(11, "customer", "resume"));
  assert.ok("waitMs" in (await reserve(1, "customer", "resume")));
});

test("calls leave the window only after it, counted from when the run was settled", async () => {
  const { account, budget, reserve } = budgetOf({ calls: 20, windowSeconds: 1 });
  const run = await granted(await reserve(20));
  const wait = await reserve(1);
  assert.ok("waitMs" in wait && wait.waitMs > 1_000, "it counts until it is settled, for long");
  await run.settle(20);
  const began = performance.now();
  const refused = await budget.spend(account, { purpose: "look", calls: 1, importance: "customer" }, 100);
  assert.ok(refused !== undefined && refused <= 1_000, String(refused));
  assert.equal(await budget.spend(account, { purpose: "look", calls: 1, importance: "customer" }, 5_000), undefined);
  assert.ok(performance.now() - began > 900);
  assert.deepEqual((await budget.use(account)).calls, { look: 1 });
});

test("a run larger than a small limit is not refused for ever", async () => {
  const { reserve } = budgetOf({ calls: 20 });
  const run = await granted(await reserve(50, "background"));
  await run.settle(0);
  await granted(await reserve(20));
});

test("after a refusal by Cloudflare nobody gets room until the pause is over; a shorter one does not end it", async () => {
  const { account, budget, reserve } = budgetOf();
  await budget.pause(account, 60_000);
  await budget.pause(account, 10);
  const grant = await reserve(1);
  assert.ok("waitMs" in grant && grant.waitMs > 50_000);
  assert.ok((await budget.use(account)).pausedMs > 50_000);
  assert.equal(await budgetOf().budget.pausedMs("another"), 0, "other accounts go on");
  await db.query("update cloudflare_accounts set paused_until = now() where account = $1", [account]);
  await granted(await reserve(1));
});

test("a run that was held for longer than its reservation counted is counted all the same", async () => {
  const { account, budget, reserve } = budgetOf();
  const run = await granted(await reserve(5));
  await db.query("update cloudflare_calls set counts_until = now() - interval '1 second' where account = $1", [
    account,
  ]);
  await granted(await reserve(1, "customer", "look")); // removes what counts no more
  await run.settle(5);
  assert.deepEqual((await budget.use(account)).calls, { look: 1, provision: 5 });
});
