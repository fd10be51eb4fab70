import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { promisify } from "node:util";
import { startTestApi } from "../api/fixture.ts";
import { against, run } from "./run.ts";

test("a refused value is told with its field, as the server saw it", async (t) => {
  const cli = against(await startTestApi(t));
  assert.match((await cli("tenants", "list", "--state", "lost")).error ?? "", /^state "lost": .*"stalled"/);
  assert.match((await cli("tunnels", "logs", "acme-tunnel", "--lines", "0")).error ?? "", /^lines "0": /);
  assert.match((await cli("rotate", "host", "105x")).error ?? "", /"105x": must be a number/);
});

test("a server that is not this API is told as such, without its page", async (t) => {
  const page = createServer((_request, response) => {
    response.writeHead(409, { "content-type": "text/html" }).end("<h1>Error 1001</h1>");
  }).listen(0, "127.0.0.1");
  await once(page, "listening");
  t.after(() => page.close());
  const url = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
  assert.equal(
    (await run({ API_URL: url, API_TOKEN: "x" }, "tenants", "list")).error,
    `what answers at ${url} is not this API (409, no JSON). Is API_URL its address?`,
  );
});

for (const [what, url, told] of [
  ["a database that does not answer", "postgres://a:b@127.0.0.1:1/c", /^error: DATABASE_URL: .*ECONNREFUSED[^\n]*\n$/],
  ["an address that is none", "nonsense", /^error: DATABASE_URL must be[^\n]*\n$/],
  ["a name that nobody has", "postgres://a:b@nowhere.invalid/c", /^error: [^\n]*nowhere\.invalid[^\n]*\n$/],
] as const) {
  test(`${what} is told in one line, without a stack trace`, async () => {
    const program = new URL("../../../automation/cli.ts", import.meta.url).pathname;
    const ended = await promisify(execFile)(process.execPath, [program, "audit", "verify", "--direct"], {
      env: { HOME: "/nonexistent", DATABASE_URL: url },
    }).catch((error: unknown) => error as { code: number; stderr: string });
    assert.match(ended.stderr, told);
    assert.equal("code" in ended && ended.code, 1);
  });
}
