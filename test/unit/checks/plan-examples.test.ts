import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openApiDocument } from "../../../automation/api/openapi/document.ts";

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

test("examples of requests use plans of the example configuration", () => {
  const [, block = ""] = /^ {2}odoosaas:plans:\n((?: {4}.*\n|\n)*)/m.exec(read("Pulumi.prod.yaml")) ?? [];
  const plans = new Set([...block.matchAll(/^ {4}([\w-]+):/gm)].map(([, plan = ""]) => plan));
  assert(plans.size > 0);
  const texts = { "docs/api.md": read("docs/api.md"), "OpenAPI document": JSON.stringify(openApiDocument("0")) };
  const named = [/"plan_type": "([^"]+)"/g, /"plan_type":\{"type":"string"[^}]*"example":"([^"]+)"/g];
  for (const [where, text] of Object.entries(texts)) {
    const used = named.flatMap((pattern) => [...text.matchAll(pattern)].map(([, plan = ""]) => plan));
    assert(used.length > 0, `${where} shows none`);
    assert.deepEqual(
      used.filter((plan) => !plans.has(plan)),
      [],
      where,
    );
  }
});
