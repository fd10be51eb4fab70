import assert from "node:assert/strict";
import { chmodSync, mkdirSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { closedTo } from "../../../sandbox/postgres/reach.ts";
import { ownDirectory } from "../sandbox-engine/world.ts";

test("the directory that keeps another user out is named", (t) => {
  const directory = ownDirectory(t); // 0700, as mkdtemp makes it
  const stranger = { uid: userInfo().uid + 4_321, gid: 4_321 };
  const inside = join(directory, "state");
  mkdirSync(inside, { mode: 0o700 });
  assert.equal(closedTo(stranger, inside, { read: false }), directory);
  chmodSync(directory, 0o711);
  assert.equal(closedTo(stranger, inside, { read: false }), inside);
  chmodSync(inside, 0o711);
  assert.equal(closedTo(stranger, inside, { read: false }), undefined);
  assert.equal(closedTo(stranger, inside, { read: true }), directory);
  assert.equal(closedTo(userInfo(), inside, { read: true }), undefined);
});
