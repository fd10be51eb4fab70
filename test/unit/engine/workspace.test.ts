import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { removeAbandonedWorkDirs } from "../../../automation/engine/workspace.ts";

test("directories of runs whose server was killed are removed after a day; those of others and of today stay", async (t) => {
  const parent = await mkdtemp(join(tmpdir(), "odoosaas-test-"));
  t.after(() => rm(parent, { recursive: true }));
  for (const name of ["odoosaas-run-old", "odoosaas-run-new", "another"]) {
    await mkdir(join(parent, name));
    await writeFile(join(parent, name, "Pulumi.yaml"), "{}");
  }
  await symlink(join(parent, "another"), join(parent, "odoosaas-run-link"));
  const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000);
  for (const name of ["odoosaas-run-old", "another"]) await utimes(join(parent, name), twoDaysAgo, twoDaysAgo);
  await removeAbandonedWorkDirs(parent);
  assert.deepEqual(
    (await readdir(parent)).toSorted((a, b) => a.localeCompare(b)),
    ["another", "odoosaas-run-link", "odoosaas-run-new"],
  );
  assert.deepEqual(await readdir(join(parent, "another")), ["Pulumi.yaml"]);
});
