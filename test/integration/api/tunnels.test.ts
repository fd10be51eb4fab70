import assert from "node:assert/strict";
import { test } from "node:test";
import type { CloudflareView } from "../../../automation/api/tunnels/cloudflare-view.ts";
import { connectorState } from "../../../automation/api/tunnels/connector-state.ts";
import { ApiError } from "../../../automation/api/problem.ts";
import { tunnelIdOf } from "../../unit/api/a-tenant.ts";
import { RUNNING } from "./fake-connectors.ts";
import { startTestApi, type TestApi } from "./fixture.ts";

async function withAcme(api: TestApi): Promise<void> {
  api.tenants.endWith = "succeeded";
  await api.call("POST", "/api/tenants", {
    body: { subscription_id: "sub_1", subdomain: "acme", plan_type: "shared", container_id: 105, local_port: 8069 },
  });
}

const SEEN: CloudflareView = {
  id: tunnelIdOf(1),
  name: "acme-tunnel",
  status: "healthy",
  createdAt: "2026-03-02T10:00:00Z",
  connectors: [
    {
      id: "c0ffee00-0000-4000-8000-000000000001",
      version: "2026.8.2",
      since: "2026-03-02T10:11:12Z",
      connections: [{ id: "1", colo: "fra03", since: "2026-03-02T10:11:12Z", originIp: "203.0.113.7" }],
    },
  ],
};

test("tunnels are listed with what they lead to", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  const { at } = await api.call("GET", "/api/tunnels", { role: "viewer" });
  assert.equal(at("total"), 1);
  assert.deepEqual(at("tunnels.*.name"), ["acme-tunnel"]);
  assert.deepEqual(at("tunnels.*.id"), [tunnelIdOf(1)]);
  assert.deepEqual(at("tunnels.*.status"), ["active"]);
  assert.deepEqual(at("tunnels.*.deployment"), [
    {
      tenant_id: 1,
      subdomain: "acme",
      url: "https://acme.example.com",
      plan: "shared",
      subscription_id: "sub_1",
      container_id: 105,
      local_port: 8069,
    },
  ]);
});

test("a tunnel is found by its name, its Cloudflare id and its subscription", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  const byName = await api.call("GET", "/api/tunnels/acme-tunnel");
  assert.equal(byName.at("tunnel.name"), "acme-tunnel");
  assert.deepEqual((await api.call("GET", `/api/tunnels/${tunnelIdOf(1)}`)).body, byName.body);
  assert.deepEqual((await api.call("GET", "/api/tunnels/subscription/sub_1/tunnel")).body, byName.body);
  assert.equal((await api.call("GET", "/api/tunnels/other-tunnel")).status, 404);
  assert.equal((await api.call("GET", "/api/tunnels/subscription/sub_2/tunnel")).status, 404);
  for (const id of ["..%2f..", "a;reboot", "-x-tunnel", "a%20b"])
    assert.equal((await api.call("GET", `/api/tunnels/${id}/status`)).status, 400, id);
});

test("a tunnel's status is what Cloudflare and the host say", async (t) => {
  const api = await startTestApi(t, { cloudflare: async ({ id }) => (id === tunnelIdOf(1) ? SEEN : undefined) });
  await withAcme(api);
  const { body, at } = await api.call("GET", "/api/tunnels/acme-tunnel/status");
  const { tunnel_name, service, active, status } = body as Record<string, unknown>;
  assert.deepEqual(
    { tunnel_name, service, active, status },
    { tunnel_name: "acme-tunnel", service: "cloudflared-acme-tunnel", active: true, status: "running" },
  );
  assert.deepEqual(at("cloudflare.connectors.*.connections"), [
    [{ id: "1", colo: "fra03", since: "2026-03-02T10:11:12Z", origin_ip: "203.0.113.7" }],
  ]);
  assert.equal(at("host.since"), "2026-03-02T10:11:12.000Z");
  assert.deepEqual(at("host.ready"), { connections: 4, connector_id: "c0ffee00-0000-4000-8000-000000000001" });
});

test("a side that does not answer leaves the other's answer standing", async (t) => {
  let cloudflare: CloudflareView | undefined | Error = SEEN;
  const api = await startTestApi(t, {
    cloudflare: async () => {
      if (cloudflare instanceof Error) throw cloudflare;
      return cloudflare;
    },
  });
  await withAcme(api);
  const ask = (): Promise<Awaited<ReturnType<TestApi["call"]>>> => api.call("GET", "/api/tunnels/acme-tunnel/status");
  api.connectors.unit = new ApiError(502, "HostUnreachable", "Host unreachable", "Host 105 does not answer over SSH.");
  const noHost = await ask();
  assert.deepEqual(
    [noHost.status, noHost.at("status"), noHost.at("host")],
    [200, "running", { problem: "Host 105 does not answer over SSH." }],
  );
  cloudflare = new ApiError(502, "CloudflareUnavailable", "Cloudflare does not answer", "Cloudflare answered 500.");
  const neither = await ask();
  assert.deepEqual(
    [neither.at("status"), neither.at("active"), neither.at("cloudflare.problem")],
    ["unknown", false, "Cloudflare answered 500."],
  );
  api.connectors.unit = { ...RUNNING, ready: { connections: 0, connectorId: null } };
  assert.equal((await ask()).at("status"), "disconnected");
  cloudflare = undefined;
  assert.equal((await ask()).at("cloudflare.status"), "unknown");
  api.connectors.unit = new TypeError("a slip of ours");
  assert.equal((await ask()).status, 500);
});

test("one word for a connector, by what is known", () => {
  assert.equal(connectorState(RUNNING, 0), "running", "the host is nearer than Cloudflare's list");
  assert.equal(connectorState({ ...RUNNING, ready: null }, 2), "running");
  assert.equal(connectorState({ ...RUNNING, ready: null }, 0), "disconnected");
  assert.equal(connectorState({ ...RUNNING, activeState: "activating" }, 0), "starting");
  assert.equal(connectorState({ ...RUNNING, activeState: "failed" }, 4), "failed");
  assert.equal(connectorState({ ...RUNNING, activeState: "inactive" }, 0), "stopped");
  assert.equal(connectorState({ ...RUNNING, installed: false }, 0), "missing");
  assert.equal(connectorState(undefined, undefined), "unknown");
});

test("a restart answers once it is connected, and stands in the audit log", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  const { status, at } = await api.call("POST", "/api/tunnels/acme-tunnel/restart", { role: "operator" });
  assert.deepEqual([status, at("active"), at("status"), at("connections")], [200, true, "running", 4]);
  assert.deepEqual(api.connectors.restarted, ["cloudflared-acme-tunnel"]);
  const audit = await api.call("GET", "/api/audit?subject_type=tunnel");
  assert.deepEqual(
    [audit.at("lines.*.action"), audit.at("lines.*.actor"), audit.at("lines.*.subject_id")],
    [
      ["tunnel.restarted", "tunnel.restart"],
      ["user:tester", "user:tester"],
      ["acme-tunnel", "acme-tunnel"],
    ],
  );
  api.connectors.unit = new ApiError(502, "ConnectorFailed", "Connector failed", "it did not connect");
  assert.equal((await api.call("POST", "/api/tunnels/acme-tunnel/restart")).status, 502);
  const failed = await api.call("GET", "/api/audit?subject_type=tunnel&limit=2");
  assert.deepEqual(failed.at("lines.*.action"), ["tunnel.restart-failed", "tunnel.restart"]);
});

test("what cannot be audited is not done", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  await api.database.query("drop table audit_log cascade");
  assert.equal((await api.call("POST", "/api/tunnels/acme-tunnel/restart")).status, 500);
  assert.deepEqual(api.connectors.restarted, []);
});

test("a connector's last lines are read, within bounds", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  api.connectors.entries = Array.from({ length: 5 }, (_, n) => ({
    cursor: `s=${n}`,
    at: new Date(n),
    priority: 6,
    message: `line ${n}`,
  }));
  const { at } = await api.call("GET", "/api/tunnels/acme-tunnel/logs?lines=2", { role: "operator" });
  assert.deepEqual([at("lines"), at("logs.*.message")], [2, ["line 3", "line 4"]]);
  assert.equal((await api.call("GET", "/api/tunnels/acme-tunnel/logs")).at("lines"), 5);
  assert.deepEqual(
    api.connectors.asked.map(({ lines }) => lines),
    [2, 100],
  );
  for (const lines of ["0", "1001", "-1", "x", "1.5"])
    assert.equal((await api.call("GET", `/api/tunnels/acme-tunnel/logs?lines=${lines}`)).status, 400, lines);
});

test("a tenant's tunnel goes with its tenant only", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  const { status, at } = await api.call("DELETE", "/api/tunnels/acme-tunnel");
  assert.deepEqual([status, at("type")], [409, "/problems/TunnelOfTenant"]);
  assert.match(String(at("remedy")), /DELETE \/api\/tenants\/1/);
  const retried = await api.call("POST", "/api/tunnels/acme-tunnel/retry");
  assert.deepEqual([retried.status, retried.at("type")], [409, "/problems/TunnelOfTenant"]);
});

test("a container that is no tenant gets a tunnel, and loses it again", async (t) => {
  const api = await startTestApi(t);
  await withAcme(api);
  const body = { subscription_id: "sub_9", container_id: 105, local_port: 8080, hostname: "shop.example.com" };
  const created = await api.call("POST", "/api/tunnels", { body, role: "operator" });
  assert.deepEqual(
    [created.status, created.at("tunnel.name"), created.at("tunnel.status"), created.at("tunnel.deployment.url")],
    [202, "shop-tunnel", "pending", "https://shop.example.com"],
  );
  assert.equal(created.headers.get("location"), created.at("operation.url"));
  const { local_port, tenant_id, container_id } = created.at("tunnel.deployment") as Record<string, unknown>;
  assert.deepEqual([local_port, tenant_id, container_id], [8080, null, 105]);
  const list = await api.call("GET", "/api/tunnels");
  assert.deepEqual([list.at("total"), list.at("tunnels.*.name")], [2, ["acme-tunnel", "shop-tunnel"]]);
  assert.equal((await api.call("GET", "/api/tunnels/subscription/sub_9/tunnel")).at("tunnel.name"), "shop-tunnel");
  assert.equal((await api.call("GET", "/api/tunnels/shop-tunnel/status")).at("service"), "cloudflared-shop-tunnel");
  await api.database.query("update standalone_tunnels set state = 'stalled', state_reason = 'name-taken'");
  const stalled = await api.call("GET", "/api/tunnels/shop-tunnel");
  assert.deepEqual([stalled.at("tunnel.state"), stalled.at("tunnel.state_reason")], ["stalled", "name-taken"]);
  assert.match(String(stalled.at("tunnel.next_step")), /press Retry/);
  const again = await api.call("POST", "/api/tunnels/shop-tunnel/retry", { role: "operator" });
  assert.deepEqual([again.status, again.headers.get("location")], [202, again.at("operation.url")]);
  const removed = await api.call("DELETE", "/api/tunnels/shop-tunnel");
  assert.deepEqual([removed.status, removed.at("operation.kind")], [202, "delete"]);
  const audit = await api.call("GET", "/api/audit?subject_type=tunnel");
  assert.deepEqual((audit.at("lines.*.action") as string[]).toSorted(), [
    "tunnel.delete",
    "tunnel.request",
    "tunnel.retry",
  ]);
});

test("a tunnel that cannot be made is refused with the field and the way out", async (t) => {
  const api = await startTestApi(t);
  const body = { subscription_id: "sub_9", container_id: 105, local_port: 8080, hostname: "shop.example.com" };
  const refusal = async (changes: Record<string, unknown>): Promise<unknown[]> => {
    const { status, at } = await api.call("POST", "/api/tunnels", { body: { ...body, ...changes } });
    return [status, at("type"), at("field"), at("remedy")];
  };
  assert.equal((await refusal({ hostname: "-bad.example.com" }))[0], 422);
  assert.deepEqual(await refusal({ container_id: 999 }), [
    422,
    "/problems/UnknownHost",
    "container_id",
    "Use one of: 105.",
  ]);
  assert.deepEqual((await refusal({ hostname: "shop.elsewhere.org" })).slice(0, 3), [
    422,
    "/problems/InvalidHostname",
    "hostname",
  ]);
  assert.equal((await api.call("POST", "/api/tunnels", { body })).status, 202);
  assert.deepEqual((await refusal({})).slice(0, 3), [409, "/problems/SubscriptionHasTunnel", "subscription_id"]);
  assert.deepEqual((await refusal({ subscription_id: "sub_10" })).slice(0, 3), [
    409,
    "/problems/HostnameTaken",
    "hostname",
  ]);
});
