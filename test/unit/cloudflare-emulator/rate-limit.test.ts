import assert from "node:assert/strict";
import { test } from "node:test";
import { RateLimiter } from "../../../sandbox/cloudflare/api/rate-limit.ts";
import { call, startAccount } from "./account.ts";

test("one request too many blocks the caller for the length of a window, and nobody else", () => {
  const limiter = new RateLimiter({ requests: 3, windowSeconds: 300 });
  const at = (seconds: number, caller = "a") => limiter.count(caller, seconds * 1_000);
  assert.deepEqual(at(0), { allowed: true, remaining: 2, resetSeconds: 300 });
  at(1);
  assert.deepEqual(at(2), { allowed: true, remaining: 0, resetSeconds: 298 });
  assert.deepEqual(at(10), { allowed: false, remaining: 0, resetSeconds: 300 });
  assert.deepEqual(at(301), { allowed: false, remaining: 0, resetSeconds: 9 }, "its old window would be over");
  assert.equal(at(301, "b").allowed, true);
  assert.equal(at(310).allowed, true);
});

test("whoever stays below the limit is never blocked", () => {
  const limiter = new RateLimiter({ requests: 2, windowSeconds: 10 });
  for (let second = 0; second < 100; second += 5) assert.equal(limiter.count("a", second * 1_000).allowed, true);
});

test("a test may set the limit, block every token that has called, and ask how many calls were refused", async (t) => {
  const account = await startAccount(t);
  const door = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${account.ports.api}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    return ((await answer.json()) as { result: unknown }).result;
  };
  await call(account, "GET", "/zones");
  await door("PUT", "/__limit", { requests: 1, windowSeconds: 60 });
  assert.equal((await call(account, "GET", "/zones")).status, 200);
  assert.deepEqual(await door("GET", "/__limit"), { requests: 1, windowSeconds: 60, refused: 0 });
  await door("POST", "/__limit/block", { seconds: 7 });
  assert.equal((await call(account, "GET", "/zones")).headers.get("retry-after"), "7");
  assert.deepEqual(await door("GET", "/__limit"), { requests: 1, windowSeconds: 60, refused: 1 });
});

test("the limit shows in headers, and its end in Retry-After", async (t) => {
  let now = 1_000_000;
  const account = await startAccount(t, { rateLimit: { requests: 2, windowSeconds: 300 } }, { now: () => now });
  const first = await call(account, "GET", "/zones");
  assert.equal(first.headers.get("ratelimit"), '"default";r=1;t=300');
  assert.equal(first.headers.get("ratelimit-policy"), '"default";q=2;w=300');
  assert.equal(first.headers.get("retry-after"), null);
  await call(account, "GET", "/zones");
  now += 100_000;
  const refused = await call(account, "GET", "/zones");
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "300"]);
  assert.match(refused.errors[0]?.message ?? "", /More than 2 requests per 300 seconds/);
  now += 300_000;
  assert.equal((await call(account, "GET", "/zones")).status, 200);
});
