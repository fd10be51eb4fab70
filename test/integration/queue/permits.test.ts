import assert from "node:assert/strict";
import { test } from "node:test";
import { withPermit } from "../../../automation/queue/permits.ts";
import { filePostgres } from "../../database.ts";
import { until } from "../../until.ts";

const { url } = await filePostgres();

test("no more work than permits runs at once, and every one comes to its turn", async () => {
  let running = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await until(
      "a moment",
      () => performance.now(),
      () => true,
    );
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  };
  await Promise.all(Array.from({ length: 8 }, () => withPermit(url, "postgres", 2, work)));
  assert.ok(most >= 1 && most <= 2, `${most} at once`);
  await assert.rejects(
    withPermit(url, "postgres", 1, () => Promise.reject(new Error("broken"))),
    /broken/,
  );
  await withPermit(url, "postgres", 1, work); // given back after the failure
});

test("other resources have permits of their own, and waiting can be given up", async () => {
  await withPermit(url, "one", 1, async () => {
    await withPermit(url, "other", 1, async () => {});
    const began = await withPermit(url, "one", 1, async () => true, AbortSignal.timeout(50));
    assert.equal(began, undefined);
  });
});
