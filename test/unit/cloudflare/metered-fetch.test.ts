import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import Cloudflare from "cloudflare";
import { meteredFetch, retryAfterMs, UNTOLD_PAUSE_MS } from "../../../automation/cloudflare/metered-fetch.ts";

const ACCOUNT = "a".repeat(32);

async function client(t: TestContext, status: number, headers: Record<string, string>, room?: number) {
  let calls = 0;
  const pauses: number[] = [];
  const server = createServer((_req, res) => {
    calls += 1;
    res.writeHead(status, { "content-type": "application/json", ...headers });
    res.end(JSON.stringify({ success: status < 400, errors: [], messages: [], result: [] }));
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const api = new Cloudflare({
    apiToken: "t".repeat(40),
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/client/v4`,
    fetch: meteredFetch(
      async () => room,
      async (ms) => void pauses.push(ms),
    ),
  });
  const ask = async (): Promise<unknown> => api.zeroTrust.tunnels.cloudflared.list({ account_id: ACCOUNT });
  return { ask, pauses, calls: () => calls };
}

test("a call that Cloudflare refuses is told to all, and not tried again: the client would sleep through the block", async (t) => {
  const { ask, pauses, calls } = await client(t, 429, { "retry-after": "300" });
  const began = performance.now();
  await assert.rejects(ask(), Cloudflare.RateLimitError);
  assert.ok(performance.now() - began < 5_000);
  assert.deepEqual([pauses, calls()], [[300_000], 1]);
});

test("without Retry-After the pause is a short one", async (t) => {
  const { ask, pauses } = await client(t, 429, {});
  await assert.rejects(ask(), Cloudflare.RateLimitError);
  assert.deepEqual(pauses, [UNTOLD_PAUSE_MS]);
});

test("a call without room is not made, and fails as Cloudflare would have it", async (t) => {
  const { ask, pauses, calls } = await client(t, 200, {}, 7_200);
  await assert.rejects(ask(), (error: unknown) => {
    assert.ok(error instanceof Cloudflare.RateLimitError);
    assert.equal(retryAfterMs(error.headers), 8_000);
    return true;
  });
  assert.deepEqual([pauses, calls()], [[], 0]);
});

test("when people have used up what the token may, the next calls wait until it is theirs again", async (t) => {
  const spent = await client(t, 200, { ratelimit: '"default";r=3;t=30' });
  await spent.ask();
  assert.deepEqual(spent.pauses, [30_000]);
  const plenty = await client(t, 200, { ratelimit: '"default";r=1000;t=30' });
  await plenty.ask();
  assert.deepEqual(plenty.pauses, []);
});

test("Retry-After is seconds or a date; anything else says nothing", () => {
  const now = Date.parse("2026-03-01T00:00:00Z");
  const read = (value?: string) => retryAfterMs(new Headers(value === undefined ? {} : { "retry-after": value }), now);
  assert.equal(read("1.5"), 1_500);
  assert.equal(read("Sun, 01 Mar 2026 00:05:00 GMT"), 300_000);
  assert.equal(read("Sat, 28 Feb 2026 00:05:00 GMT"), 0);
  assert.deepEqual([read(), read(""), read("soon")], [undefined, undefined, undefined]);
});
