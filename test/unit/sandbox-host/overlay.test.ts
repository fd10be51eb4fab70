import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isMounted, mountOverlay } from "../../../sandbox/host/overlay.ts";

const skip = process.platform === "linux" ? false : "reads /proc";

test("a mount is found under another name of its directory, and a directory beside it is none", { skip }, (t) => {
  const directory = mkdtempSync(join(tmpdir(), "odoosaas-overlay-"));
  t.after(() => rmSync(directory, { recursive: true }));
  symlinkSync("/proc", join(directory, "link"));
  assert.equal(isMounted("/proc"), true);
  assert.equal(isMounted(join(directory, "link")), true);
  assert.equal(isMounted(directory), false);
  assert.equal(isMounted(join(directory, "missing")), false);
});

test("a directory whose name the mount's options cannot hold is refused", async () => {
  await assert.rejects(mountOverlay("/tree", "/state:a"), /"\/state:a" cannot be part of an overlay/);
});
