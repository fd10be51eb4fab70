import assert from "node:assert/strict";
import { test } from "node:test";
import { startEmulator } from "./emulator.ts";

test("the page shows subscriptions with what can be done to them, and sends a paid checkout", async (t) => {
  const { url, stripe } = await startEmulator(t);
  const sent = await fetch(`${url}/checkout`, {
    method: "POST",
    body: new URLSearchParams({
      subdomain: "acme",
      plan: "business",
      email: "anna@example.com",
      company: "<b>Acme</b>",
      country: "",
    }),
  });
  assert.equal(sent.status, 200);
  const page = await sent.text();
  assert.match(page, /acme/);
  assert.doesNotMatch(page, /<b>Acme/);
  const [subscription] = (await stripe.subscriptions.list()).data;
  assert.equal(subscription?.items.data[0]?.price.id, "price_business");
  assert.match(page, new RegExp(`action="/subscriptions/${subscription.id}/fail"`));
  await fetch(`${url}/subscriptions/${subscription.id}/fail`, { method: "POST" });
  assert.equal((await stripe.subscriptions.retrieve(subscription.id)).status, "past_due");
});

test("an unpaid invoice has a page on which the customer can pay it", async (t) => {
  const { stripe, checkout, door, url } = await startEmulator(t);
  const { subscription } = await checkout({ subdomain: "acme" });
  await door("POST", `/subscriptions/${subscription.id}/fail`);
  const [invoice] = (await stripe.invoices.list({ subscription: subscription.id, status: "open" })).data;
  const link = invoice?.hosted_invoice_url ?? "";
  assert.match(await (await fetch(`${url}/?tenant=acme`)).text(), new RegExp(`href="/i/${invoice?.id ?? ""}"`));
  assert.match(await (await fetch(link)).text(), /Pay with a good card/);
  assert.match(await (await fetch(link, { method: "POST" })).text(), /paid/);
  assert.equal((await stripe.subscriptions.retrieve(subscription.id)).status, "active");
});

test("an open session has a page on which it is paid", async (t) => {
  const { stripe } = await startEmulator(t);
  const session = await stripe.checkout.sessions.create({
    mode: "subscription",
    line_items: [{ price: "price_starter", quantity: 1 }],
    custom_fields: [{ key: "subdomain", label: { type: "custom", custom: "Your address" }, type: "text" }],
  });
  assert.match(await (await fetch(session.url ?? "")).text(), /Your address/);
  await fetch(session.url ?? "", {
    method: "POST",
    body: new URLSearchParams({ email: "a@example.com", company: "Acme", subdomain: "acme" }),
    redirect: "manual",
  });
  const paid = await stripe.checkout.sessions.retrieve(session.id);
  assert.equal(paid.payment_status, "paid");
  assert.equal(paid.custom_fields[0]?.text?.value, "acme");
});

test("a page of another site cannot open the doors through a visitor's browser", async (t) => {
  const { url } = await startEmulator(t);
  const { port } = new URL(url);
  for (const headers of [{ origin: "https://evil.example" }, { origin: "null" }, { host: `evil.example:${port}` }]) {
    const response = await request(`${url}/__sandbox/clock`, headers);
    assert.equal(response, 403, JSON.stringify(headers));
  }
  assert.equal(await request(`${url}/__sandbox/clock`, { origin: url }), 200);
});

/** Status; `fetch` would set Host and Origin itself. */
async function request(url: string, headers: Record<string, string>): Promise<number> {
  const { get } = await import("node:http");
  return await new Promise((resolve, reject) => {
    get(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on("error", reject);
  });
}
