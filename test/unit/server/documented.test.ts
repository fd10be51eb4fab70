import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { SERVER_ENVIRONMENT } from "../../../automation/settings.ts";

const page = readFileSync(new URL("../../../docs/operations/server.md", import.meta.url), "utf8");
const rows = page
  .split("\n")
  .filter((line) => /^\| `[A-Z\d_]+`/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, name = "", byDefault = "", meaning = ""]) => ({ name: name.replaceAll("`", ""), byDefault, meaning }));

/** Defaults that depend on the machine, or on the account. */
const COMPUTED = new Set(["PULUMI_HOME", "ENGINE_PARALLELISM"]);
const SELF_EVIDENT = new Set(["PORT"]);

test("docs/operations/server.md has a row for each setting, and none besides", () => {
  assert.deepEqual(rows.map(({ name }) => name).toSorted(), Object.keys(SERVER_ENVIRONMENT).toSorted());
  const silent = rows.filter(({ name, meaning }) => meaning === "" && !SELF_EVIDENT.has(name));
  assert.deepEqual(silent, []);
});

test("each row tells the default that the server has", () => {
  for (const { name, byDefault } of rows) {
    const read = SERVER_ENVIRONMENT[name]?.safeParse(undefined);
    assert(read !== undefined, name);
    if (COMPUTED.has(name)) assert.notEqual(byDefault, "", name);
    else
      assert.equal(
        byDefault.replaceAll("`", "").replace(/^none$/, ""),
        read.success ? shown(read.data) : "required",
        name,
      );
  }
});

function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.join(",");
  return typeof value === "object" ? Object.keys(value).join(",") : JSON.stringify(value);
}
