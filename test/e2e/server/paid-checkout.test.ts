import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Stripe } from "stripe";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";

// The main job by its public doors: a signed event goes in, a working Odoo comes out. The tests go in this order.
let world: World;
before(async () => {
  world = await startWorld();
});
after(() => world?.close());

interface Tenant {
  id: number;
  subdomain: string;
  state: string;
  state_detail: string | null;
  generation: number;
}

async function tenant(subdomain: string): Promise<Tenant | undefined> {
  const { body } = await world.api("GET", `/api/tenants?subdomain=${subdomain}`);
  return (body["tenants"] as Tenant[])[0];
}

/** Sends an event's text with a signature over it, as Stripe does. */
async function deliver(payload: string, secret: string, timestamp?: number): Promise<number> {
  const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret, ...(timestamp && { timestamp }) });
  const response = await fetch(`${world.sandbox.api.url}/webhook/stripe`, {
    method: "POST",
    headers: { "content-type": "application/json", "stripe-signature": signature },
    body: payload,
  });
  await response.text();
  return response.status;
}

async function storedEvents(): Promise<{ id: string; type: string; body: unknown }[]> {
  return await world.sql("select id, type, body from stripe_events order by created_at", [], "odoosaas");
}

test("a paid checkout leads to a login page and a login", async () => {
  await world.sandbox.checkout({ subdomain: "acme", plan: "starter", email: "owner@acme.example", company: "Acme" });
  assert.equal((await world.visit("acme", "/web/login")).status, 200);
  await world.login("acme");
  assert.equal((await tenant("acme"))?.state, "active");
});

test("the server's tenant previews clean by an operator's command line", async () => {
  const { writeStackFile } = await import("../../../sandbox/lifecycle/project.ts");
  const { body } = await world.api("GET", `/api/tenants/${(await tenant("acme"))?.id}/config`);
  writeStackFile(world.sandbox.instance, "acme", {
    tenant: (body["config"] as Record<string, unknown>)["odoosaas:tenant"],
  });
  const printed = await world.sandbox.pulumi(
    "preview",
    "--non-interactive",
    "--expect-no-changes",
    "-s",
    "organization/odoosaas/acme",
  );
  assert.match(printed, /17 unchanged/);
});

test("a repeated event answers 200 and does nothing", async () => {
  const earlier = await tenant("acme");
  const [event] = await world.sql<{ body: object }>(
    "select body from stripe_events where type = 'checkout.session.completed'",
    [],
    "odoosaas",
  );
  assert.ok(event);
  const operations = async () => (await world.sql("select id from operations", [], "odoosaas")).length;
  const count = await operations();
  assert.equal(await deliver(JSON.stringify(event.body), world.sandbox.secrets.stripe.webhookSecret), 200);
  assert.equal(await deliver(JSON.stringify(event.body), world.sandbox.secrets.stripe.webhookSecret), 200);
  await until(
    "the queue to be empty",
    async () => (await world.api("GET", "/api/dashboard/metrics")).body["queue"] as { waiting: number; active: number },
    (queue) => queue.waiting === 0 && queue.active === 0,
  );
  assert.equal(await operations(), count);
  assert.equal((await tenant("acme"))?.generation, earlier?.generation);
});

test("a bad, an old or a missing signature is refused with 400 and stored nowhere", async () => {
  const payload = JSON.stringify({
    id: "evt_forged",
    object: "event",
    type: "checkout.session.completed",
    data: { object: {} },
  });
  const count = (await storedEvents()).length;
  assert.equal(await deliver(payload, "whsec_not_the_secret"), 400);
  const anHourAgo = Math.floor(Date.now() / 1000) - 3_600;
  assert.equal(await deliver(payload, world.sandbox.secrets.stripe.webhookSecret, anHourAgo), 400);
  const unsigned = await fetch(`${world.sandbox.api.url}/webhook/stripe`, { method: "POST", body: payload });
  assert.equal(unsigned.status, 400);
  assert.equal((await storedEvents()).length, count);
});

const refused: [string, Record<string, unknown>, string][] = [
  ["an empty subdomain", { subdomain: "" }, "subdomain"],
  ["a subdomain in upper case", { subdomain: "Globex" }, "subdomain"],
  ["a subdomain of 64 characters", { subdomain: "g".repeat(64) }, "subdomain"],
  ["a subdomain in unicode", { subdomain: "glöbex" }, "subdomain"],
  ["a subdomain with a leading dash", { subdomain: "-globex" }, "subdomain"],
  ["a reserved subdomain", { subdomain: "www" }, "subdomain"],
  ["PostgreSQL's own name", { subdomain: "template1" }, "subdomain"],
  ["the platform's stack", { subdomain: "prod" }, "subdomain"],
  ["SQL in the subdomain", { subdomain: `a"; drop table tenant_deployments` }, "subdomain"],
  ["a shell's characters in the subdomain", { subdomain: "a$(reboot)" }, "subdomain"],
  ["an unknown plan", { plan_type: "gold" }, "plan_type"],
  ["a port out of range", { local_port: 70_000 }, "local_port"],
  ["a host that is not there", { container_id: 999 }, "container_id"],
  ["an address that is none", { customer_email: "nobody" }, "customer_email"],
];
for (const [what, change, field] of refused) {
  test(`${what} is refused, naming the field, the value and the way out`, async () => {
    const request = { subdomain: "globex", plan_type: "starter", container_id: 105, local_port: 8069, ...change };
    const { status, body } = await world.api("POST", "/api/tenants", request);
    assert.ok(status === 400 || status === 422, `${status} ${JSON.stringify(body)}`);
    const told = JSON.stringify(body);
    assert.ok(told.includes(`"${field}"`), told);
    assert.match(told, /remedy/);
    assert.equal(
      (await world.sql("select id from tenant_deployments where subdomain <> 'acme'", [], "odoosaas")).length,
      0,
    );
  });
}

test("a taken subdomain is refused with 409, and the tenant who has it notices nothing", async () => {
  const { status, body } = await world.api("POST", "/api/tenants", { subdomain: "acme", plan_type: "starter" });
  assert.equal(status, 409, JSON.stringify(body));
  assert.match(JSON.stringify(body), /acme/);
  assert.equal((await world.visit("acme", "/web/login")).status, 200);
});

test("after correction the same request leads to a tenant, and its shape is the first users'", async () => {
  const request = {
    subscription_id: "sub_by_hand",
    subdomain: "globex",
    plan_type: "starter",
    container_id: 105,
    local_port: 8069,
  };
  const { status, body } = await world.api("POST", "/api/tenants", request, { prefer: "wait=120" });
  assert.equal(status, 201, JSON.stringify(body));
  const made = body["tenant"] as { id: number; subdomain: string; database: string; url: string; tunnel: object };
  assert.equal(body["success"], true);
  assert.deepEqual(
    { subdomain: made.subdomain, database: made.database, url: made.url },
    {
      subdomain: "globex",
      database: "globex",
      url: `http://globex.odoo.localhost:${world.sandbox.instance.ports.edge}`,
    },
  );
  const tunnel = made.tunnel as { tunnel_id: string; tunnel_name: string; status: string };
  assert.equal(tunnel.tunnel_name, "globex-tunnel");
  assert.match(tunnel.tunnel_id, /^[0-9a-f-]{36}$/);
  assert.equal((await world.visit("globex", "/web/login")).status, 200);
});

test("the server deletes a tenant with a backup, and nothing is left", async () => {
  const id = (await tenant("globex"))?.id;
  assert.ok((await world.api("DELETE", `/api/tenants/${id}`)).status < 300);
  await until(
    "globex to be deleted",
    async () => (await world.api("GET", `/api/tenants/${id}`)).body["tenant"] as Tenant,
    (seen) => seen.state === "deleted",
    180_000,
  );
  assert.deepEqual(await world.sql("select 1 from pg_database where datname = 'globex'"), []);
  assert.deepEqual(await world.sql("select 1 from pg_roles where rolname = 'tenant_globex'"), []);
  const { accountId, zoneId } = world.platform.cloudflare;
  const tunnels = await world.cloudflare.zeroTrust.tunnels.cloudflared.list({
    account_id: accountId,
    is_deleted: false,
  });
  assert.deepEqual(
    tunnels.result.map((each) => each.name),
    ["acme-tunnel"],
  );
  const records = await world.cloudflare.dns.records.list({ zone_id: zoneId });
  assert.deepEqual(
    records.result.map((each) => each.name),
    ["acme.odoo.localhost"],
  );
  const backup = await world.host.ok("ls -d /var/backups/odoosaas/globex/*");
  assert.equal(await world.host.ok(`ls ${backup}/database.dump`), `${backup}/database.dump`);
  const audited = await world.sql<{ after: { backup?: string } }>(
    "select after from audit_log where action = 'tenant.deleted' order by id desc limit 1",
    [],
    "odoosaas",
  );
  assert.equal(audited[0]?.after.backup, backup, "the audit tells where it lies");
});
