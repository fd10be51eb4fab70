import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { pino } from "pino";
import { addLogFields, logMixin, withLogFields } from "../../../automation/telemetry/log-fields.ts";
import { startTestApi } from "../api/fixture.ts";

test("whoever writes a line within some work, it carries the work's ids, and no other's", async () => {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => (lines.push(JSON.parse(chunk.toString()) as never), done()),
  });
  const log = pino({ base: null, timestamp: false, mixin: logMixin }, stream);
  const work = async (tenantId: number): Promise<void> =>
    withLogFields({ tenantId }, async () => {
      await setImmediate();
      addLogFields({ operationId: tenantId * 10, requestId: `req-${tenantId}` });
      await setImmediate();
      log.info("deep inside");
    });
  await Promise.all([work(1), work(2)]);
  log.info("outside");
  await withLogFields({ tenantId: 3 }, async () => log.info({ tenantId: 4 }, "its own word"));
  assert.deepEqual(lines, [
    { level: 30, tenantId: 1, operationId: 10, requestId: "req-1", msg: "deep inside" },
    { level: 30, tenantId: 2, operationId: 20, requestId: "req-2", msg: "deep inside" },
    { level: 30, msg: "outside" },
    { level: 30, tenantId: 4, msg: "its own word" },
  ]);
});

test("a request's line names the request, its caller, and the tenant or operation of its path", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: { subdomain: "acme", plan_type: "shared" } });
  await api.call("GET", "/api/tenants/1", { headers: { "x-request-id": "mine-1" } });
  await api.call("GET", "/api/operations/1", { headers: { "x-request-id": "mine-2" } });
  const written = api.log().trim().split("\n");
  for (const line of written) assert.ok(line.split('"requestId":').length <= 2, `twice in one line: ${line}`);
  const lines = written.map((line) => JSON.parse(line) as Record<string, unknown>);
  const of = (requestId: string): Record<string, unknown> =>
    lines.find((line) => line["requestId"] === requestId) ?? {};
  assert.deepEqual([of("mine-1")["tenantId"], of("mine-1")["user"]], [1, "tester"]);
  assert.deepEqual([of("mine-2")["operationId"], of("mine-2")["tenantId"]], [1, undefined]);
});
