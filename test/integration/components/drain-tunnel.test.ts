import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";

const DRAIN = readFileSync(new URL("../../../components/tenant/drain-tunnel.mjs", import.meta.url), "utf8");

interface Answer {
  status: number;
  headers?: Record<string, string>;
  result?: unknown[];
}

/** Runs the script against an API that gives these answers to GET, the last one for ever. */
async function drain(t: TestContext, answers: Answer[]) {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(req.method ?? "");
    const get = asked.filter((method) => method === "GET").length;
    const answer = req.method === "GET" ? answers[Math.min(get, answers.length) - 1] : { status: 200 };
    res.writeHead(answer?.status ?? 500, { ...answer?.headers });
    res.end(JSON.stringify({ result: answer?.result ?? null }));
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const input = { apiToken: "canary", accountId: "a", tunnelId: "t", baseUrl };
  const node = spawn(process.execPath, ["--input-type=module", "-"], { stdio: ["pipe", "ignore", "pipe"] });
  t.after(() => node.kill());
  node.stdin.end(`const input = ${JSON.stringify(input)};\n${DRAIN}`);
  const [said, [code]] = await Promise.all([text(node.stderr), once(node, "exit") as Promise<[number]>]);
  return { code, said, asked };
}

test("connections are closed and seen gone; a tunnel that is gone has none", async (t) => {
  const closed = await drain(t, [
    { status: 200, result: [{}] },
    { status: 200, result: [] },
  ]);
  assert.deepEqual([closed.code, closed.asked], [0, ["GET", "DELETE", "GET"]]);
  assert.equal((await drain(t, [{ status: 404 }])).code, 0);
});

test("a short refusal and a failure of Cloudflare's pass", async (t) => {
  const passing = await drain(t, [
    { status: 429, headers: { "retry-after": "1" } },
    { status: 503, headers: { "retry-after": "0" } },
    { status: 200, result: [] },
  ]);
  assert.deepEqual([passing.code, passing.asked], [0, ["GET", "GET", "GET"]]);
});

test("a block that is longer than the script's own time ends it at once, and its length is told", async (t) => {
  const { code, said, asked } = await drain(t, [{ status: 429, headers: { "retry-after": "300" } }]);
  assert.deepEqual([code, asked], [1, ["GET"]]);
  assert.match(said, /^Cloudflare answered 429 to GET of the tunnel's connections; Retry-After: 300: /);
  assert.doesNotMatch(said, /canary/);
});
