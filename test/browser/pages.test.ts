import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { derivePassword } from "../../components/tenant/secrets.ts";
import { startWorld, type World } from "../e2e/world.ts";
import { openPage } from "./browser.ts";

// Every page a person sees, on one sandbox with one paid tenant.
let world: World;
before(async () => {
  world = await startWorld();
  await world.sandbox.checkout({ subdomain: "acme", plan: "starter", email: "owner@acme.example", company: "Acme" });
});
after(() => world?.close());

function addressOf(subdomain: string): string {
  return `http://${subdomain}.${world.sandbox.instance.domain}:${world.sandbox.instance.ports.edge}`;
}

test("a customer opens the address, logs in, and sees Odoo's applications", async (t) => {
  const page = await openPage(t);
  await page.goto(`${addressOf("acme")}/`);
  await page.waitForURL(/\/web\/login/);
  await page.fill("#login", "owner@acme.example");
  await page.fill("#password", derivePassword(world.platform.masterKey, "acme", "odoo-admin"));
  await page.click("button[type=submit]");
  await page.waitForSelector(".o_kanban_view .o_kanban_record", { timeout: 60_000 });
  assert.match(await page.innerText(".o_kanban_view"), /CRM/);
  assert.match(await page.innerText(".o_main_navbar"), /Apps/);
});

test("a wrong password is told, and the page stays", async (t) => {
  const page = await openPage(t);
  await page.goto(`${addressOf("acme")}/web/login`);
  await page.fill("#login", "owner@acme.example");
  await page.fill("#password", "wrong");
  await page.click("button[type=submit]");
  await page.waitForSelector(".alert-danger");
  assert.match(await page.innerText(".alert-danger"), /Wrong login\/password/);
});

test("a name that no tenant has says so", async (t) => {
  const page = await openPage(t, { allow: [/530|status/] });
  const answer = await page.goto(`${addressOf("nobody")}/`);
  assert.equal(answer?.status(), 530);
});

test("the API's reference page shows its routes without asking anybody outside", async (t) => {
  const page = await openPage(t);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).host));
  await page.goto(`${world.sandbox.api.url}/docs`);
  await page.getByText("/api/tenants", { exact: true }).first().waitFor();
  assert.deepEqual([...new Set(asked)], [new URL(world.sandbox.api.url).host]);
});

test("the API's reference page can be read in the dark, too", async (t) => {
  const page = await openPage(t, { colorScheme: "dark" });
  await page.goto(`${world.sandbox.api.url}/`);
  await page.locator(".info .title").waitFor();
  const colours = (style: string, of: string): Promise<string> =>
    page.evaluate<string>(`getComputedStyle(document.querySelector(${JSON.stringify(of)})).${style}`);
  const light = (colour: string): number => Math.max(...(colour.match(/\d+/g) ?? []).slice(0, 3).map(Number));
  const [text, ground] = [await colours("color", ".info .title"), await colours("backgroundColor", "html")];
  assert.ok(light(text) > 160 && light(ground) < 80, `light text on a dark ground, not ${text} on ${ground}`);
});

test("the emulated Stripe's page lists the subscription", async (t) => {
  const page = await openPage(t);
  await page.goto(`http://127.0.0.1:${world.sandbox.instance.ports.stripe}/`);
  assert.match(await page.innerText("body"), /acme/);
});

test("a suspended tenant's visitors read why, and find the way to pay", async (t) => {
  const { body } = await world.api("GET", "/api/tenants?subdomain=acme");
  const [tenant] = body["tenants"] as { id: number }[];
  assert.ok((await world.api("POST", `/api/tenants/${tenant?.id}/suspend`, {}, { prefer: "wait=60" })).status < 300);
  const page = await openPage(t, { allow: [/503/], viewport: { width: 360, height: 640 } });
  const answer = await page.goto(`${addressOf("acme")}/web/login`);
  assert.equal(answer?.status(), 503);
  assert.match(await page.innerText("main"), /All data is kept/);
  assert.equal(await page.evaluate<number>("document.documentElement.scrollWidth"), 360, "it fits a phone");
  const pay = await page.getAttribute("a.pay", "href");
  assert.equal(pay, `http://127.0.0.1:${world.sandbox.instance.ports.stripe}/?tenant=acme`);
});
