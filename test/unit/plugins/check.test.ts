import assert from "node:assert/strict";
import { test } from "node:test";
import { checkProperties, complete, markBySchema } from "../../../sandbox/plugins/framework/check.ts";
import { parseSchema } from "../../../sandbox/plugins/framework/package-schema.ts";
import { Asset, Secret, UNKNOWN, type Properties, type Value } from "../../../sandbox/plugins/framework/value.ts";

const { inputs: specs } = parseSchema({
  name: "x",
  version: "1.0.0",
  madeWith: "go-provider",
  config: {},
  functions: {},
  resources: {
    thing: {
      outputs: {},
      inputs: {
        name: "string required",
        count: "integer",
        ratio: "number",
        on: "boolean default=true",
        labels: "string{}",
        rules: "Rule[]",
        source: "asset",
        level: "Level",
        anything: "any",
      },
    },
  },
  types: { Rule: { service: "string required", password: "string secret", port: "integer default=22" } },
  enums: { Level: ["low", "high"] },
}).resources["thing"] ?? { inputs: {} };

const reasons = (properties: Properties): string[] =>
  checkProperties(specs, properties).map(({ path, reason }) => `${path}: ${reason}`);

test("right properties pass, whatever is unknown or secret about them", () => {
  const right: Properties = {
    name: "n",
    count: 3,
    ratio: 0.5,
    labels: { any: "label" },
    rules: [{ service: "s", port: 1 }],
    source: new Asset({ text: "t" }),
    level: "low",
    anything: [1, { a: null }],
    on: null,
  };
  assert.deepEqual(reasons(right), []);
  assert.deepEqual(
    reasons({ name: UNKNOWN, count: UNKNOWN, rules: UNKNOWN, labels: { a: UNKNOWN }, source: UNKNOWN }),
    [],
  );
  assert.deepEqual(reasons({ name: new Secret("n"), rules: new Secret([{ service: new Secret("s") }]) }), []);
});

test("a property that the type does not have is named, with the one that was meant", () => {
  assert.deepEqual(reasons({ name: "n", colour: "red" }), ["colour: Invalid or unknown key"]);
  assert.deepEqual(reasons({ Name: "x" }), [
    `Name: Invalid or unknown key; did you mean "name"?`,
    "name: Missing required property",
  ]);
  assert.deepEqual(reasons({ name: "n", rules: [{ service: "s", "odd key": 1 }] }), [
    `rules[0]["odd key"]: Invalid or unknown key`,
  ]);
});

test("a missing property is named with its path", () => {
  assert.deepEqual(reasons({ rules: [{ service: "s" }, { port: 1 }] }), [
    "rules[1].service: Missing required property",
    "name: Missing required property",
  ]);
});

const wrong: [string, Value, string][] = [
  ["name", 5, "Expected a string, got a number"],
  ["count", 1.5, "Expected an integer, got a number"],
  ["count", "3", "Expected an integer, got a string"],
  ["ratio", true, "Expected a number, got a boolean"],
  ["on", "yes", "Expected a boolean, got a string"],
  ["labels", ["a"], "Expected an object, got an array"],
  ["rules", { service: "s" }, "Expected an array, got an object"],
  ["source", "text", "Expected an asset or archive, got a string"],
  ["level", "middle", "Expected one of low, high, got a string"],
];
for (const [name, value, reason] of wrong)
  test(`${name} is refused when it is ${JSON.stringify(value)}, without showing the value`, () => {
    assert.deepEqual(reasons({ name: "n", [name]: new Secret(value) }), [`${name}: ${reason}`]);
  });

test("defaults are filled in at any depth where they belong to the inputs, and absent values dropped", () => {
  const given: Properties = { name: "n", count: null, rules: [{ service: "s", password: null }] };
  assert.deepEqual(complete(specs, given, true), { name: "n", on: true, rules: [{ service: "s", port: 22 }] });
  assert.deepEqual(complete(specs, given, false), { name: "n", rules: [{ service: "s" }] });
});

test("what the schema calls secret is marked", () => {
  const { inputs } = parseSchema({
    name: "x",
    version: "1.0.0",
    madeWith: "go-provider",
    config: {},
    functions: {},
    resources: { thing: { inputs: { connection: "C secret" }, outputs: {} } },
    types: { C: { key: "string secret", host: "string" } },
  }).resources["thing"] ?? { inputs: {} };
  const marked = { connection: new Secret({ key: new Secret("k"), host: "h" }) };
  assert.deepEqual(markBySchema(inputs, { connection: { key: "k", host: "h" } }), marked);
  assert.deepEqual(markBySchema(inputs, marked), marked);
});
