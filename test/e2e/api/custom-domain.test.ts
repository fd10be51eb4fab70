import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type ApiAnswer, startWorld, type World } from "../world.ts";

type Json = Record<string, unknown>;

const DOMAIN = "shop.example.org";
const WAIT = { prefer: "wait=240" };

let world: World;
const ids = new Map<string, number>();

before(async () => {
  world = await startWorld();
  for (const subdomain of ["acme", "beta"]) {
    const body = { subdomain, plan_type: "starter", customer_email: `owner@${subdomain}.example` };
    const { status, body: answer } = await world.api("POST", "/api/tenants", body, WAIT);
    assert.equal(status, 201, JSON.stringify(answer));
    ids.set(subdomain, (answer["tenant"] as { id: number }).id);
  }
});
after(() => world?.close());

const wish = (subdomain: string, domains: string[] | null): Promise<ApiAnswer> =>
  world.api("PATCH", `/api/tenants/${ids.get(subdomain)}`, { custom_domains: domains }, WAIT);

/** What the host's Odoo answers to a login of this tenant's owner under the custom domain. */
async function uidOf(subdomain: string): Promise<unknown> {
  const { body } = await world.api("POST", `/api/tenants/${ids.get(subdomain)}/initial-password`);
  const params = { db: subdomain, login: body["login"], password: body["password"] };
  const answer = await world.host.ok(
    `curl -s -H 'Host: ${DOMAIN}' -H 'Content-Type: application/json' -d @- http://127.0.0.1:8069/web/session/authenticate`,
    JSON.stringify({ jsonrpc: "2.0", method: "call", params }),
  );
  if (!answer.startsWith("{")) return undefined;
  return ((JSON.parse(answer) as Json)["result"] as Json | undefined)?.["uid"];
}

test("a domain of the customer's leads to its tenant once it is asked for", async () => {
  assert.equal(await uidOf("acme"), undefined);
  const { status, body } = await wish("acme", [DOMAIN]);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(await uidOf("acme"), 2);
});

test("another tenant cannot claim it, nor a name of the platform's, and goes on as it was", async () => {
  const taken = await wish("beta", [DOMAIN]);
  assert.deepEqual(
    [taken.status, taken.body["type"], taken.body["field"]],
    [409, "/problems/CustomDomainTaken", "custom_domains"],
  );
  const ours = await wish("beta", [`acme.${world.sandbox.instance.domain}`]);
  assert.deepEqual([ours.status, ours.body["field"]], [422, "custom_domains"]);
  const { body } = await world.api("GET", `/api/tenants/${ids.get("beta")}`);
  const { state, generation, observed_generation: seen, custom_domains: domains } = body["tenant"] as Json;
  assert.deepEqual([state, generation, seen, domains], ["active", 1, 1, []]);
  assert.equal(await uidOf("acme"), 2);
});

test("given up by one, it can be the other's", async () => {
  assert.equal((await wish("acme", null)).status, 200);
  assert.equal(await uidOf("acme"), undefined);
  const { status, body } = await wish("beta", [DOMAIN]);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(await uidOf("beta"), 2);
  assert.equal((await world.visit("acme", "/web/login")).status, 200);
});
