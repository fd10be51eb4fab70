import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { fillOnce } from "../../../sandbox/cache.ts";
import { tryLock, withLock } from "../../../sandbox/lock.ts";
import { ownDirectory } from "../../unit/sandbox-engine/world.ts";

const quiet = () => {};

test("a cache is filled beside its place and appears there whole", async (t) => {
  const path = join(ownDirectory(t), "a", "b");
  const filled = await fillOnce(path, quiet, async (unfinished) => {
    assert.equal(existsSync(path), false);
    writeFileSync(join(unfinished, "file"), "whole");
  });
  assert.equal(filled, path);
  assert.equal(readFileSync(join(path, "file"), "utf8"), "whole");
});

test("a second fill at the same time waits, says so, and does not fill again", async (t) => {
  const path = join(ownDirectory(t), "cache");
  const said: string[] = [];
  let fills = 0;
  const fill = () =>
    fillOnce(
      path,
      (doing) => said.push(doing),
      async () => {
        fills++;
        await new Promise(setImmediate);
      },
    );
  await Promise.all([fill(), fill(), fill()]);
  assert.equal(fills, 1);
  assert.deepEqual(said, Array(2).fill("waiting for another start that is making the same"));
});

test("what an interrupted fill left is thrown away, or found again by a fill that can go on", async (t) => {
  const path = join(ownDirectory(t), "cache");
  const interrupted = async (unfinished: string) => {
    writeFileSync(join(unfinished, "half"), "");
    throw new Error("interrupted");
  };
  await assert.rejects(fillOnce(path, quiet, interrupted), /interrupted/);
  assert.equal(existsSync(path), false);
  await fillOnce(path, quiet, async (unfinished) => assert.deepEqual(readdirSync(unfinished), []));

  const other = `${path}-2`;
  await assert.rejects(fillOnce(other, quiet, interrupted, { resumable: true }), /interrupted/);
  await fillOnce(other, quiet, async (unfinished) => assert.deepEqual(readdirSync(unfinished), ["half"]), {
    resumable: true,
  });
});

test("a lock keeps others out until it is released", async (t) => {
  const file = join(ownDirectory(t), "lock");
  const lock = tryLock(file);
  assert.ok(lock);
  assert.equal(tryLock(file), undefined);
  lock.release();
  const again = tryLock(file);
  assert.ok(again);
  again.release();
});

test("a lock of a process that was killed is free at once", async (t) => {
  const file = join(ownDirectory(t), "lock");
  const module = new URL("../../../sandbox/lock.ts", import.meta.url).href;
  const holder = `const { tryLock } = await import(${JSON.stringify(module)}); const lock = tryLock(${JSON.stringify(file)});
    console.log(lock ? "held" : "not held"); process.kill(process.pid, "SIGKILL"); setTimeout(() => lock.release(), 1e6);`;
  const ended = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", holder]).catch(
    (error: unknown) => error,
  );
  assert.equal((ended as { signal: string }).signal, "SIGKILL");
  assert.match((ended as { stdout: string }).stdout, /^held/);
  assert.equal(
    await withLock(
      file,
      () => assert.fail("it had to wait"),
      async () => "mine",
    ),
    "mine",
  );
});
