import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineEvent } from "@pulumi/pulumi/automation/events.js";
import type { RunEvent } from "../../../automation/engine/engine.ts";
import { RunLog } from "../../../automation/engine/run-log.ts";

const urn = "urn:pulumi:acme::odoosaas::postgresql:index/role:Role::acme-role";

test("changes are told with their differing properties and how long they took; values are not", () => {
  const told: RunEvent[] = [];
  const log = new RunLog(
    (text) => text,
    (one) => told.push(one),
  );
  const metadata = {
    ...step("update"),
    detailedDiff: { connectionLimit: { diffKind: "update", inputDiff: true } },
    old: { inputs: { password: "old" } },
    new: { inputs: { password: "new" } },
  };
  log.add(event({ resourcePreEvent: { metadata } }), 1_000);
  log.add(event({ resOutputsEvent: { metadata } }), 2_500);
  log.add(event({ summaryEvent: { durationSeconds: 2, resourceChanges: { update: 1, same: 3 } } }));
  assert.deepEqual(log.resources, [
    { urn, type: "postgresql:index/role:Role", op: "update", diff: { connectionLimit: "update" }, seconds: 1.5 },
  ]);
  assert.deepEqual(log.changes, { update: 1, same: 3 });
  assert.deepEqual(
    told.map(({ kind }) => kind),
    ["resource", "resource", "summary"],
  );
  assert.ok(!JSON.stringify(told).includes("old") && !JSON.stringify(told).includes('"new"'));
});

test("a failed step is marked, an unchanged one left out", () => {
  const log = new RunLog((text) => text);
  for (const op of ["same", "create"]) log.add(event({ resourcePreEvent: { metadata: step(op) } }), 0);
  log.add(event({ resOutputsEvent: { metadata: step("same") } }), 1);
  log.add(event({ resOpFailedEvent: { metadata: step("create"), status: 1, steps: 1 } }), 1_000);
  assert.deepEqual(log.resources, [
    { urn, type: "postgresql:index/role:Role", op: "create", seconds: 1, failed: true },
  ]);
});

test("diagnostics are kept without colours and secrets; passing ones and the engine's debugging are not", () => {
  const log = new RunLog((text) => text.replaceAll("hunter2", "[secret]"));
  const said = (severity: string, message: string, more = {}): void =>
    log.add(event({ diagnosticEvent: { severity, message, color: "never", ...more } }));
  said("error", "<{%fg 1%}>error: <{%reset%}>password hunter2 is wrong\n", { urn });
  said("info#err", "from a script");
  said("debug", "noise");
  said("info", "Still working...", { ephemeral: true });
  said("warning", "  \n");
  assert.deepEqual(log.diagnostics, [
    { severity: "error", message: "error: password [secret] is wrong", urn },
    { severity: "info", message: "from a script" },
  ]);
});

test("it counts the providers of each package, since two of one cannot share a process", () => {
  const log = new RunLog((text) => text);
  for (const name of ["a", "b", "a"])
    log.add(
      event({ resourcePreEvent: { metadata: { ...step("same"), type: "pulumi:providers:postgresql", urn: name } } }),
    );
  assert.deepEqual([...(log.providers.get("postgresql") ?? [])], ["a", "b"]);
});

function step(op: string): Record<string, unknown> {
  return { op, urn, type: "postgresql:index/role:Role", provider: "" };
}

function event(content: Record<string, unknown>): EngineEvent {
  return { sequence: 1, timestamp: 1, ...content };
}

test("where a backup lies is kept, though the command provider shows it for a moment only", () => {
  const log = new RunLog((text) => text);
  const passing = (message: string): void =>
    log.add(event({ diagnosticEvent: { severity: "info", message, color: "never", ephemeral: true } }));
  passing("backup /var/backups/odoosaas/acme/20261124T145710Z");
  passing("backup of nothing");
  assert.deepEqual(
    log.diagnostics.map(({ message }) => message),
    ["backup /var/backups/odoosaas/acme/20261124T145710Z"],
  );
});
