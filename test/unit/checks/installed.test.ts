import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const root = new URL("../../../", import.meta.url).pathname;

test("who starts before npm ci is told so in one line; afterwards nothing is said", (t) => {
  const clone = mkdtempSync(join(tmpdir(), "odoosaas-clone-"));
  t.after(() => rmSync(clone, { recursive: true }));
  mkdirSync(join(clone, ".ci"));
  copyFileSync(join(root, ".ci/installed.mjs"), join(clone, ".ci/installed.mjs"));
  const ask = (): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [join(clone, ".ci/installed.mjs")], { encoding: "utf8" });
  const before = ask();
  assert.equal(before.status, 1);
  assert.match(before.stderr, /^[^\n]*npm ci[^\n]*\n$/);
  mkdirSync(join(clone, "node_modules/.bin"), { recursive: true });
  writeFileSync(join(clone, "node_modules/.bin/node"), "");
  const { status, stdout, stderr } = ask();
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
});

test("the commands that a newcomer runs first ask for it", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  // In a command of its own: chained before the other, it would leave a shell between npm's signals and that.
  for (const name of ["prestart", "pretest"]) assert.equal(scripts[name], "node .ci/installed.mjs", name);
});
