import assert from "node:assert/strict";
import { test } from "node:test";
import { nextStep } from "../../../automation/tenants/next-step.ts";
import { aTenant } from "./a-tenant.ts";

const now = new Date("2026-03-01T12:00:00Z");
const due = { generation: 2, observedGeneration: 1 };

test("a tenant whose wish is fulfilled is left alone", () => {
  assert.deepEqual(nextStep(aTenant(), now), { kind: "nothing", because: "converged" });
});

test("a deleted tenant is never touched again, whatever its row wants", () => {
  assert.deepEqual(nextStep(aTenant({ ...due, state: "deleted" }), now), { kind: "nothing", because: "gone" });
});

test("a paused tenant waits for its operator", () => {
  assert.deepEqual(nextStep(aTenant({ ...due, paused: true }), now), { kind: "nothing", because: "paused" });
});

test("a stalled tenant waits until somebody changes it or presses Retry", () => {
  const stalled = { ...due, state: "stalled", attempts: 5 } as const;
  assert.deepEqual(nextStep(aTenant(stalled), now), { kind: "nothing", because: "parked" });
  assert.equal(nextStep(aTenant({ ...stalled, attempts: 0 }), now).kind, "update");
});

test("a failed tenant is tried again when its time has come, not before", () => {
  const failed = { ...due, state: "failed", attempts: 2, retryAt: new Date("2026-03-01T12:00:01Z") } as const;
  assert.deepEqual(nextStep(aTenant(failed), now), { kind: "nothing", because: "waiting" });
  assert.equal(nextStep(aTenant(failed), new Date("2026-03-01T12:00:01Z")).kind, "update");
});

test("each wish leads to its step, and shows a state of its own on the way", () => {
  const steps = [
    nextStep(aTenant({ ...due, readyAt: null, state: "pending", convergedState: null }), now),
    nextStep(aTenant(due), now),
    nextStep(aTenant({ ...due, state: "suspended", convergedState: "suspended" }), now),
    nextStep(aTenant({ ...due, state: "failed", convergedState: "suspended" }), now),
    nextStep(aTenant({ ...due, state: "failed", tunnelActive: false }), now),
    nextStep(aTenant({ ...due, wanted: "suspended" }), now),
    nextStep(aTenant({ ...due, wanted: "deleted", state: "suspended" }), now),
  ];
  assert.deepEqual(
    steps.map((step) => (step.kind === "nothing" ? step.kind : `${step.kind}: ${step.during}, ${step.after}`)),
    [
      "provision: provisioning, active",
      "update: active, active",
      "resume: provisioning, active",
      "resume: provisioning, active",
      "update: provisioning, active",
      "suspend: suspending, suspended",
      "delete: deleting, deleted",
    ],
  );
});
