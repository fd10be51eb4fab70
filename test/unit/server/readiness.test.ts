import assert from "node:assert/strict";
import { test } from "node:test";
import { warmUp } from "../../../automation/engine/warm-up.ts";
import { serveHealth } from "../../../automation/health-server.ts";
import { readiness } from "../../../automation/readiness.ts";

const fine = { name: "database", check: async () => {} };

test("ready is who passes every check in time, and is not leaving", async () => {
  assert.equal((await readiness([fine])).success, true);
  const failing = { name: "queue", check: async () => Promise.reject(new Error("10.0.0.7 is away")) };
  const answer = await readiness([fine, failing]);
  assert.deepEqual([answer.success, answer.checks["database"]?.ok, answer.checks["queue"]?.ok], [false, true, false]);
  assert.ok(!JSON.stringify(answer).includes("10.0.0.7"));
  const silent = { name: "platform", check: async () => new Promise<void>(() => {}) };
  assert.equal((await readiness([silent])).checks["platform"]?.ok, false);
  assert.equal((await readiness([fine], AbortSignal.abort())).success, false);
});

test("a process without an API tells that it lives while it is not ready", async (t) => {
  const leaving = new AbortController();
  let ready = false;
  const engine = { name: "engine", check: async () => (ready ? undefined : Promise.reject(new Error("cold"))) };
  const server = await serveHealth(0, [fine, engine], leaving.signal);
  t.after(() => server.close());
  const status = async (path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${server.port}${path}`)).status;
  assert.deepEqual([await status("/livez"), await status("/healthz"), await status("/readyz")], [200, 200, 503]);
  ready = true;
  assert.equal(await status("/readyz"), 200);
  leaving.abort();
  assert.deepEqual([await status("/livez"), await status("/readyz"), await status("/")], [200, 503, 404]);
});

test("the engine is ready once it is warm; a failure is told, and the next look begins anew", async () => {
  const tries: PromiseWithResolvers<void>[] = [];
  const warm = async (): Promise<void> => {
    const next = Promise.withResolvers<void>();
    tries.push(next);
    return next.promise;
  };
  const told: string[] = [];
  const { check } = warmUp({ warm }, (error) => told.push(error.message));
  await assert.rejects(check(), /not warm/);
  assert.equal(tries.length, 1);
  tries[0]?.reject(new Error("no thread"));
  await new Promise(setImmediate);
  assert.deepEqual(told, ["no thread"]);
  await assert.rejects(check(), /not warm/);
  assert.equal(tries.length, 2);
  tries[1]?.resolve();
  await new Promise(setImmediate);
  await check();
});
