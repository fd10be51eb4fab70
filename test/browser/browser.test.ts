import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { openPage } from "./browser.ts";

test("a page under .localhost opens without any set-up", async (t) => {
  const url = await serve(t, `<title>Hello</title><h1>It works</h1>`);
  const page = await openPage(t);
  await page.goto(url);
  assert.equal(await page.title(), "Hello");
  assert.equal(await page.getByRole("heading").textContent(), "It works");
});

for (const [what, script] of [
  ["an error on the console", `console.error("broken")`],
  ["an uncaught exception", `throw new Error("broken")`],
] as const) {
  test(`${what} fails the test`, async (t) => {
    const url = await serve(t, `<script>${script}</script>`);
    const inner = pretended();
    await (await openPage(inner.context)).goto(url);
    await assert.rejects(inner.end(), /broken/);
  });
}

test("an error that is allowed does not fail the test", async (t) => {
  const url = await serve(t, `<script>console.error("refused on purpose")</script>`);
  const page = await openPage(t, { allow: [/refused on purpose/] });
  await page.goto(url);
});

/** A test inside the test, of which only the end matters. */
function pretended(): { context: TestContext; end: () => Promise<void> } {
  const ends: (() => Promise<void> | void)[] = [];
  const context = { after: (fn: () => Promise<void> | void) => ends.push(fn) } as unknown as TestContext;
  const end = async (): Promise<void> => {
    for (const fn of ends) await fn();
  };
  return { context, end };
}

async function serve(t: TestContext, body: string): Promise<string> {
  const server = createServer((request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(request.url === "/" ? `<!doctype html><link rel="icon" href="data:,">${body}` : "");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `http://acme.odoo.localhost:${(server.address() as AddressInfo).port}/`;
}
