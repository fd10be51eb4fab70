import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";
import { type Asked, askDocumented, type Documented, type Json, startShop } from "./shop.ts";

const TUNNEL = "/api/tunnels/shop-tunnel";
const STACK = "organization/odoosaas/tunnel.shop";
const UNIT = "/etc/systemd/system/cloudflared-shop-tunnel.service";
const TOKEN = "/etc/cloudflared/shop-tunnel.token";

let world: World;
let request: Json;

before(async () => {
  world = await startWorld({ serverSettings: { TUNNEL_PROBE_SECONDS: "5" } });
  request = await startShop(world);
});
after(() => world?.close());

const ask = (...asked: Asked): Promise<Documented> => askDocumented(world, ...asked);

/** The end of the operation that an answer points to. */
async function ended({ status, headers, body }: Documented): Promise<Json> {
  assert.equal(status, 202, JSON.stringify(body));
  const finished = await ask("GET", String(headers.get("location")), undefined, { prefer: "wait=120" });
  return finished.body["operation"] as Json;
}

async function recorded(): Promise<unknown> {
  return ((await ask("GET", TUNNEL)).body["tunnel"] as Json)["status"];
}

test("a container that is no tenant is reached by a host name of its own", async (t) => {
  const asked = await ask("POST", "/api/tunnels", request);
  const { name, status, deployment } = asked.body["tunnel"] as { name: string; status: string; deployment: Json };
  assert.deepEqual([name, status, deployment["tenant_id"]], ["shop-tunnel", "pending", null]);
  const operation = await ended(asked);
  assert.deepEqual(
    [operation["kind"], operation["status"], operation["tenant_id"]],
    ["provision", "succeeded", null],
    JSON.stringify(operation),
  );
  t.diagnostic(`provisioned within ${String(operation["seconds"])} s: ${JSON.stringify(operation["timings"])}`);
  const page = await world.visit("shop", "/anything");
  assert.deepEqual([page.status, page.body], [200, `the shop, asked as ${String(request["hostname"])}`]);
  assert.equal((await world.visit("shop", "/web/database/manager")).status, 403);
  const { tunnel } = (await ask("GET", "/api/tunnels/subscription/sub_shop/tunnel")).body as { tunnel: Json };
  assert.deepEqual([tunnel["name"], tunnel["status"], tunnel["state"]], ["shop-tunnel", "active", "active"]);
});

test("both sides say that it is connected, its journal can be read, and it can be restarted", async () => {
  const { body: status } = await ask("GET", `${TUNNEL}/status`);
  const { tunnel_name, service, active, status: word } = status;
  assert.deepEqual(
    { tunnel_name, service, active, word },
    { tunnel_name: "shop-tunnel", service: "cloudflared-shop-tunnel", active: true, word: "running" },
    JSON.stringify(status),
  );
  assert.equal((status["cloudflare"] as Json)["status"], "healthy");
  assert.match(
    JSON.stringify((await ask("GET", `${TUNNEL}/logs?lines=50`)).body["logs"]),
    /Registered tunnel connection/,
  );
  const pidBefore = await world.host.ok("systemctl show -P MainPID cloudflared-shop-tunnel");
  const { status: code, body } = await ask("POST", `${TUNNEL}/restart`);
  assert.deepEqual([code, body["active"], body["status"]], [200, true, "running"], JSON.stringify(body));
  assert.notEqual(await world.host.ok("systemctl show -P MainPID cloudflared-shop-tunnel"), pidBefore);
  assert.equal((await world.visit("shop", "/")).status, 200);
});

test("its subscription and its name are taken, for tunnels and tenants, and a container must exist", async () => {
  const other = { ...request, subscription_id: "sub_other" };
  const tenant = { plan_type: "starter", container_id: 105, local_port: 8069 };
  const refusals: [string, object, number, string, string][] = [
    ["/api/tunnels", request, 409, "SubscriptionHasTunnel", "subscription_id"],
    ["/api/tunnels", other, 409, "HostnameTaken", "hostname"],
    ["/api/tunnels", { ...other, hostname: "shop.elsewhere.example" }, 422, "InvalidHostname", "hostname"],
    ["/api/tunnels", { ...other, container_id: 999 }, 422, "UnknownHost", "container_id"],
    ["/api/tenants", { ...tenant, subscription_id: "sub_t", subdomain: "shop" }, 409, "SubdomainTaken", "subdomain"],
    [
      "/api/tenants",
      { ...tenant, subscription_id: "sub_shop", subdomain: "acme" },
      409,
      "SubscriptionHasTunnel",
      "subscription_id",
    ],
  ];
  for (const [path, body, status, kind, field] of refusals) {
    const answer = await ask("POST", path, body);
    assert.deepEqual(
      [answer.status, answer.body["type"], answer.body["field"]],
      [status, `/problems/${kind}`, field],
      JSON.stringify(answer.body),
    );
    if (kind === "UnknownHost") assert.match(String(answer.body["remedy"]), /\b105\b/);
  }
  assert.equal((await ask("GET", "/api/tunnels")).body["total"], 1);
});

test("an operator finds the same stack, with nothing to change", async () => {
  await world.sandbox.pulumi("config", "refresh", "-s", STACK, "--force");
  await world.sandbox.pulumi("preview", "-s", STACK, "--expect-no-changes");
});

test("a tunnel that drops is inactive without anybody's doing, and active again when it is back", async () => {
  assert.equal(await recorded(), "active");
  await world.host.ok("systemctl stop cloudflared-shop-tunnel");
  await until("a dropped tunnel", recorded, (status) => status === "inactive", 30_000);
  const health = (await ask("GET", "/api/dashboard/metrics")).body["tunnel_health"] as Json;
  assert.deepEqual([health["total"], health["active"], health["error"]], [1, 0, 1]);
  await world.host.ok("systemctl start cloudflared-shop-tunnel");
  await until("the tunnel's return", recorded, (status) => status === "active", 30_000);
});

test("its token is drawn anew with all others, and it is still reached", async () => {
  const old = await world.host.ok(`sha256sum ${TOKEN}`);
  const { status, body } = await ask("POST", "/api/rotations", { secrets: ["tunnel"] });
  assert.deepEqual([status, body["queued"]], [202, 1]);
  const pending = async (): Promise<unknown> =>
    ((await ask("GET", "/api/rotations")).body["pending"] as Json)["tunnel"];
  await until("the new token in use", pending, (count) => count === 0, 60_000);
  assert.notEqual(await world.host.ok(`sha256sum ${TOKEN}`), old);
  assert.equal((await world.visit("shop", "/")).status, 200);
});

test("its own token alone is drawn anew for whoever has seen it as it is", async () => {
  const old = await world.host.ok(`sha256sum ${TOKEN}`);
  const etag = String((await ask("GET", TUNNEL)).headers.get("etag"));
  const rotated = await ask("POST", `${TUNNEL}/rotate`, undefined, { "if-match": etag, prefer: "wait=60" });
  assert.deepEqual([rotated.status, (rotated.body["operation"] as Json)["status"]], [200, "succeeded"]);
  assert.notEqual(await world.host.ok(`sha256sum ${TOKEN}`), old);
  assert.equal((await world.visit("shop", "/")).status, 200);
  const stale = await ask("POST", `${TUNNEL}/rotate`, undefined, { "if-match": etag });
  assert.deepEqual([stale.status, stale.body["type"]], [412, "/problems/StaleGeneration"]);
});

test("a host name with a record of somebody else's is left to them, and had once they let it go", async () => {
  const zone_id = world.platform.cloudflare.zoneId;
  const name = `bar.${world.sandbox.instance.domain}`;
  const foreign = await world.cloudflare.dns.records.create({ zone_id, type: "A", name, content: "192.0.2.1", ttl: 1 });
  const bar = { ...request, subscription_id: "sub_bar", hostname: name };
  const refused = await ask("POST", "/api/tunnels", bar, { prefer: "wait=60" });
  assert.deepEqual([refused.status, refused.body["type"]], [502, "/problems/OperationFailed"]);
  assert.match(String(refused.body["detail"]), new RegExp(`name-taken: the DNS record ${name} `));
  assert.match(String(refused.body["remedy"]), /POST \/api\/tunnels\/bar-tunnel\/retry/);
  const { tunnel } = (await ask("GET", "/api/tunnels/bar-tunnel")).body as { tunnel: Json };
  assert.deepEqual([tunnel["state"], tunnel["state_reason"]], ["stalled", "name-taken"]);
  const kept = await world.cloudflare.dns.records.list({ zone_id, name: { exact: name } });
  assert.deepEqual(
    kept.result.map(({ id, content }) => [id, content]),
    [[foreign.id, "192.0.2.1"]],
  );
  assert.doesNotMatch(await world.sandbox.pulumi("stack", "ls", "--json"), /tunnel\.bar/);

  await world.cloudflare.dns.records.delete(foreign.id, { zone_id });
  const retried = await ask("POST", "/api/tunnels/bar-tunnel/retry", undefined, { prefer: "wait=60" });
  assert.equal(retried.status, 200, JSON.stringify(retried.body));
  assert.equal((await world.visit("bar", "/")).status, 200);
  assert.equal((await ask("DELETE", "/api/tunnels/bar-tunnel", undefined, { prefer: "wait=60" })).status, 200);
  const { operations } = (await ask("GET", "/api/operations?tunnel=bar-tunnel")).body as { operations: Json[] };
  assert.deepEqual(
    operations.map(({ tunnel_name, kind, status }) => [tunnel_name, kind, status]),
    [
      ["bar-tunnel", "delete", "succeeded"],
      ["bar-tunnel", "provision", "succeeded"],
      ["bar-tunnel", "provision", "stalled"],
    ],
  );
});

test("tried again, it changes nothing and is proven anew", async () => {
  const operation = await ended(await ask("POST", `${TUNNEL}/retry`));
  const { create, update, delete: deleted } = operation["changes"] as Record<string, number>;
  assert.deepEqual(
    [operation["kind"], operation["status"], create, update, deleted],
    ["update", "succeeded", undefined, undefined, undefined],
    JSON.stringify(operation),
  );
});

test("deleted while it is disconnected, nothing of it is left: no unit, token, tunnel, record or stack", async () => {
  const account_id = world.platform.cloudflare.accountId;
  const zone_id = world.platform.cloudflare.zoneId;
  assert.match(await world.sandbox.pulumi("stack", "ls", "--json"), /"tunnel\.shop"/);
  await world.host.ok("systemctl stop cloudflared-shop-tunnel");
  const asked = await ask("DELETE", TUNNEL);
  const twice = await ask("DELETE", TUNNEL);
  assert.equal(twice.headers.get("location"), asked.headers.get("location"), "asked for twice, it is one deletion");
  const restart = await ask("POST", `${TUNNEL}/restart`);
  assert.deepEqual([restart.status, restart.body["type"]], [409, "/problems/TunnelIsDeleted"]);
  const operation = await ended(asked);
  assert.deepEqual([operation["kind"], operation["status"]], ["delete", "succeeded"], JSON.stringify(operation));

  assert.equal(await world.host.ok(`ls -d ${UNIT} ${TOKEN} 2>/dev/null | wc -l`), "0");
  assert.equal((await world.host.run("systemctl is-active cloudflared-shop-tunnel")).stdout.trim(), "inactive");
  const tunnels = await world.cloudflare.zeroTrust.tunnels.cloudflared.list({ account_id, is_deleted: false });
  assert.deepEqual(tunnels.result, []);
  const records = await world.cloudflare.dns.records.list({ zone_id, name: { contains: "shop" } });
  assert.deepEqual(records.result, []);
  assert.doesNotMatch(await world.sandbox.pulumi("stack", "ls", "--json"), /tunnel\.shop/);
  assert.equal((await ask("GET", TUNNEL)).status, 404);
  assert.equal((await ask("GET", "/api/tunnels")).body["total"], 0);
  assert.notEqual((await world.visit("shop", "/")).status, 200);

  const { lines } = (await ask("GET", "/api/audit?subject_type=tunnel&limit=100")).body as { lines: Json[] };
  const done = lines.filter(({ subject_id }) => subject_id === "shop-tunnel").map(({ action }) => action);
  for (const action of ["request", "active", "restart", "retry", "delete", "deleted"])
    assert.ok(done.includes(`tunnel.${action}`), `${action} is in ${done.join(", ")}`);
  const again = await ended(await ask("POST", "/api/tunnels", request));
  assert.equal(again["status"], "succeeded", "name and subscription can be had again");
});
