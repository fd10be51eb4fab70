import assert from "node:assert/strict";
import { before, test } from "node:test";
import { tunnelProgram } from "../../components/program.ts";
import { tenantStackName, tunnelStackName } from "../../components/stack-names.ts";
import { TunnelSettings } from "../../components/settings/tunnel-settings.ts";
import { deriveStandaloneTunnelSecret, deriveTunnelSecret } from "../../components/tenant/secrets.ts";
import { Subdomain } from "../../components/tenant/subdomain.ts";
import { examplePlatform } from "./example-platform.ts";
import { graphOf, type Registered } from "./program-graph.ts";

const platform = examplePlatform();
let graph: Map<string, Registered>;

before(async () => {
  graph = await graphOf(
    tunnelProgram(platform, TunnelSettings.parse({ label: "shop", hostId: 105, port: 8080 }), { recordId: "r1" }),
  );
});

function inputsOf(name: string): Record<string, unknown> {
  const found = graph.get(name);
  assert.ok(found, `no resource ${name} among ${[...graph.keys()].join(", ")}`);
  return found.inputs;
}

test("a container's own tunnel is tunnel, rules, record and connector: nothing of PostgreSQL or Odoo", () => {
  const types = [...graph.values()].map(({ type }) => type).filter((type) => !type.startsWith("pulumi:"));
  assert.deepEqual(types.toSorted(), [
    "cloudflare:index/dnsRecord:DnsRecord",
    "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared",
    "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig",
    "command:local:Command",
    "command:remote:Command",
    "odoosaas:tenant:TenantTunnel",
    "odoosaas:tenant:TunnelConnector",
    "odoosaas:tunnel:StandaloneTunnel",
  ]);
  assert.ok(![...graph.values()].some(({ type }) => type === "pulumi:providers:postgresql"));
});

test("its names are like a tenant's, its mark and its secret are not", () => {
  assert.equal(inputsOf("shop-tunnel-tunnel")["name"], "shop-tunnel");
  const { name, comment } = inputsOf("shop-tunnel-record");
  assert.deepEqual([name, comment], ["shop.odoo.example.com", "odoosaas platform=prod tunnel=shop"]);
  const secret = inputsOf("shop-tunnel-tunnel")["tunnelSecret"];
  assert.equal(secret, deriveStandaloneTunnelSecret(platform.masterKey, "shop"));
  assert.notEqual(secret, deriveTunnelSecret(platform.masterKey, "shop"));
  assert.equal(graph.get("shop-tunnel-record")?.importId, `${platform.cloudflare.zoneId}/r1`);
});

test("it leads to the container's port", () => {
  const { ingresses } = inputsOf("shop-tunnel-config")["config"] as { ingresses: { service: string }[] };
  assert.deepEqual(
    ingresses.map(({ service }) => service),
    ["http_status:403", "http://127.0.0.1:8080", "http_status:404"],
  );
});

test("the connector goes before the drain, and the drain before the tunnel", () => {
  assert.ok(graph.get("shop-connector-script")?.dependencies.includes("shop-tunnel-drain"));
  assert.ok(graph.get("shop-tunnel-drain")?.dependencies.includes("shop-tunnel-tunnel"));
});

test("no tenant's stack can have the name of a tunnel's", () => {
  assert.notEqual(tunnelStackName("shop"), tenantStackName("shop"));
  assert.equal(Subdomain.safeParse(tunnelStackName("shop").split("/").at(-1)).success, false);
});
