import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { startTestApi } from "../api/fixture.ts";

test("the page on observability lists every metric that there is, and no other", async (t) => {
  const page = readFileSync(new URL("../../../docs/operations/observability.md", import.meta.url), "utf8");
  const api = await startTestApi(t);
  const text = String((await api.call("GET", "/metrics")).body);
  const own = (name: string): boolean => !/^odoosaas_(process|nodejs)_/.test(name);
  const there = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = "", type = ""]) => [name, type] as const);
  const listed = [...page.matchAll(/^\| `(odoosaas_\w+)(?:\{[^`]*\})?`\s*\| (\w+)/gm)].map(
    ([, name = "", type = ""]) => [name, type] as const,
  );
  assert.ok(listed.length > 5);
  assert.deepEqual(new Map(listed), new Map(there.filter(([name]) => own(name))));
});
