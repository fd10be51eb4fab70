import assert from "node:assert/strict";
import { test } from "node:test";
import { changedWish, kindOfRun, needsRun } from "../../../automation/tenants/wish.ts";
import { aTenant } from "./a-tenant.ts";

test("what a change does not name stays", () => {
  const tenant = aTenant({ settings: { companyName: "Acme", country: "FR" }, deleteAfter: new Date(0) });
  const wish = changedWish(tenant, { planType: "business", settings: { country: "BE" } });
  assert.equal(wish.planType, "business");
  assert.deepEqual(wish.settings, { companyName: "Acme", country: "BE" });
  assert.equal(wish.customerEmail, tenant.customerEmail);
  assert.deepEqual(wish.deleteAfter, new Date(0));
});

test("null takes a value away", () => {
  const tenant = aTenant({
    settings: { companyName: "Acme", country: "FR" },
    deleteAfter: new Date(0),
    localPort: 8070,
  });
  const wish = changedWish(tenant, { settings: { country: null }, deleteAfter: null, localPort: null });
  assert.deepEqual([wish.settings, wish.deleteAfter, wish.localPort], [{ companyName: "Acme" }, null, null]);
});

test("only what the stack is made from needs a run", () => {
  const tenant = aTenant({ settings: { companyName: "Acme" } });
  const runs = (change: Parameters<typeof changedWish>[1]): boolean => needsRun(tenant, changedWish(tenant, change));
  assert.ok(runs({ wanted: "suspended" }));
  assert.ok(runs({ planType: "business" }));
  assert.ok(runs({ settings: { customDomains: ["acme.shop.example"] } }));
  assert.ok(!runs({ settings: { companyName: "Acme" } }));
  assert.ok(!runs({ wantedReason: "late", graceUntil: new Date(0), customerId: "cus_2", stripeSyncedAt: new Date(0) }));
});

test("an operation is named after what it will do", () => {
  assert.equal(kindOfRun(aTenant({ readyAt: null })), "provision");
  assert.equal(kindOfRun(aTenant()), "update");
  assert.equal(kindOfRun(aTenant({ convergedState: "suspended", state: "suspended" })), "resume");
  assert.equal(kindOfRun(aTenant({ tunnelActive: false })), "update", "its tunnel has dropped");
  assert.equal(kindOfRun(aTenant({ wanted: "suspended" })), "suspend");
  assert.equal(kindOfRun(aTenant({ wanted: "deleted", readyAt: null })), "delete");
});
