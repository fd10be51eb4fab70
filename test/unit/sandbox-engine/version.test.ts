import assert from "node:assert/strict";
import { test } from "node:test";
import { isSuitable } from "../../../sandbox/engine/version.ts";

test("an engine of the tried version or a later one of the same major version will do", () => {
  for (const version of ["v3.259.0", "3.259.0", "v3.259.3", "v3.301.0", "v3.260.0-alpha.1"]) {
    assert.equal(isSuitable(version), true, version);
  }
});

test("an older engine, one of another major version, or something else is refused", () => {
  for (const version of ["v3.258.9", "v3.30.0", "v2.300.0", "v4.0.0", "", "command not found"]) {
    assert.equal(isSuitable(version), false, version);
  }
});
