import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSchema } from "../../../sandbox/plugins/framework/package-schema.ts";
import {
  inputsFromOutputs,
  plannedDifference,
  plannedOutputs,
  type Planning,
} from "../../../sandbox/plugins/framework/planned.ts";
import { Secret, UNKNOWN, type Properties } from "../../../sandbox/plugins/framework/value.ts";

const schema = parseSchema({
  name: "x",
  version: "1.0.0",
  madeWith: "terraform-sdk",
  config: {},
  functions: {},
  types: { Config: { rules: "Rule[]", note: "string" }, Rule: { host: "string", service: "string required" } },
  resources: {
    thing: {
      inputs: {
        name: "string autoname",
        kind: "string replace",
        limit: "integer default=-1",
        owner: "string computed",
        tags: "string[] set",
        config: "Config",
        token: "string secret writeOnly",
        comment: "string",
      },
      outputs: {
        name: "string required",
        kind: "string",
        limit: "integer",
        owner: "string required",
        tags: "string[]",
        config: "Config",
        token: "string secret",
        comment: "string",
        createdAt: "string required",
        changedAt: "string required",
      },
    },
  },
}).resources["thing"];
assert.ok(schema);
const sdk: Planning = { schema, madeWith: "terraform-sdk", deleteBeforeReplace: "when-named" };
const framework: Planning = { schema, madeWith: "terraform-framework", keptOnUpdate: ["createdAt"] };

const old: Properties = {
  id: "1",
  name: "n",
  kind: "a",
  limit: -1,
  owner: "root",
  tags: ["x", "y"],
  config: { rules: [{ host: "h", service: "s" }] },
  createdAt: "yesterday",
  changedAt: "yesterday",
};
const same: Properties = { name: "n", kind: "a", tags: ["y", "x"], config: { rules: [{ host: "h", service: "s" }] } };

function changes(planning: Planning, inputs: Properties, from = old): Record<string, string> {
  const found = plannedDifference(planning, from, inputs).changes;
  return Object.fromEntries(
    [...found].map(([path, { kind, replace }]) => [path, replace ? `${kind} (replaces)` : kind]),
  );
}

test("nothing changes when defaults, computed values and the order of sets make up for what is not said", () => {
  assert.deepEqual(changes(sdk, same), {});
  assert.deepEqual(changes(framework, same), {});
});

test("a change is found at its path", () => {
  const inputs = { ...same, limit: 5, config: { rules: [{ host: "h", service: "t" }, { service: "u" }], note: "n" } };
  assert.deepEqual(changes(sdk, inputs), {
    limit: "update",
    "config.rules[0].service": "update",
    "config.rules[1]": "add",
    "config.note": "add",
  });
  assert.deepEqual(changes(sdk, { name: "n", kind: "a", tags: ["x"] }), { tags: "update", config: "delete" });
});

test("a property that replaces does so wherever it changes", () => {
  assert.deepEqual(changes(sdk, { ...same, kind: "b" }), { kind: "update (replaces)" });
});

test("an unknown or secret value is compared by what is known of it", () => {
  assert.deepEqual(changes(sdk, { ...same, kind: UNKNOWN }), { kind: "update (replaces)" });
  assert.deepEqual(changes(sdk, { ...same, tags: ["x", UNKNOWN] }), { tags: "update" });
  assert.deepEqual(changes(sdk, { ...same, kind: new Secret("a") }), {});
});

test("zero values count as absent only where the official provider's SDK has it so", () => {
  assert.deepEqual(changes(sdk, { ...same, comment: "" }), {});
  assert.deepEqual(changes(framework, { ...same, comment: "" }), { comment: "add" });
});

test("what is only sent is never compared, and in no state", () => {
  assert.deepEqual(changes(sdk, { ...same, token: "secret" }), {});
  assert.equal(plannedOutputs(sdk, { ...same, token: "secret" }, undefined)["token"], undefined);
});

test("the old resource goes first when the new one has the same name", () => {
  assert.equal(plannedDifference(sdk, old, { ...same, kind: "b" }).deleteBeforeReplace, true);
  assert.equal(plannedDifference(sdk, old, { ...same, kind: "b", name: "m" }).deleteBeforeReplace, false);
  assert.equal(plannedDifference(framework, old, { ...same, kind: "b" }).deleteBeforeReplace, false);
  assert.equal(
    plannedDifference({ ...sdk, deleteBeforeReplace: "always" }, old, { ...same, limit: 2 }).deleteBeforeReplace,
    false,
  );
});

test("a preview of a creation knows the inputs and the defaults, and what comes from the service is unknown", () => {
  assert.deepEqual(plannedOutputs(sdk, { name: "n" }, undefined), {
    id: UNKNOWN,
    name: "n",
    limit: -1,
    owner: UNKNOWN,
    createdAt: UNKNOWN,
    changedAt: UNKNOWN,
  });
});

test("a preview of an update keeps computed outputs, or makes them unknown as the plugin framework does", () => {
  assert.equal(plannedOutputs(sdk, { ...same, limit: 1 }, old)["changedAt"], "yesterday");
  const outputs = plannedOutputs(framework, { ...same, limit: 1 }, old);
  assert.equal(outputs["changedAt"], UNKNOWN);
  assert.deepEqual([outputs["createdAt"], outputs["id"], outputs["limit"]], ["yesterday", "1", 1]);
});

test("an import takes inputs that are neither default nor zero, a refresh only those that the program gave", () => {
  const outputs = { ...old, limit: -1, comment: "", owner: "admin" };
  assert.deepEqual(inputsFromOutputs(schema, outputs, undefined), {
    name: "n",
    kind: "a",
    owner: "admin",
    tags: ["x", "y"],
    config: { rules: [{ host: "h", service: "s" }] },
  });
  const given: Properties = { name: "n", comment: "was", config: { rules: [{ service: "s" }] } };
  assert.deepEqual(inputsFromOutputs(schema, { ...old, name: "m" }, given), {
    name: "m",
    config: { rules: [{ service: "s" }] },
  });
});
