import assert from "node:assert/strict";
import { before, test } from "node:test";
import { tenantProgram } from "../../components/program.ts";
import { derivePassword, deriveTunnelSecret } from "../../components/tenant/secrets.ts";
import { examplePlatform, exampleTenant } from "./example-platform.ts";
import { graphOf, type Registered } from "./program-graph.ts";

const platform = examplePlatform({ createTenantScript: "#!/bin/sh\n" });
let graph: Map<string, Registered>;

before(async () => {
  graph = await graphOf(tenantProgram(platform, exampleTenant()));
});

function find(name: string): Registered {
  const found = graph.get(name);
  assert.ok(found, `no resource ${name} among ${[...graph.keys()].join(", ")}`);
  return found;
}

test("every resource but the providers and the tenant itself has a parent inside the tenant", () => {
  for (const each of graph.values()) {
    if (each.type.startsWith("pulumi:")) continue;
    if (each.name === "acme") continue;
    assert.match(each.parent ?? "", /^acme/, `${each.name} (${each.type}) hangs at ${each.parent}`);
    assert.ok(each.name.startsWith("acme-"), each.name);
  }
});

test("physical names are derived from the subdomain", () => {
  assert.equal(find("acme-tunnel-tunnel").inputs["name"], "acme-tunnel");
  assert.equal(find("acme-tunnel-record").inputs["name"], "acme.odoo.example.com");
  assert.equal(find("acme-db-database").inputs["name"], "acme");
  assert.equal(find("acme-db-role").inputs["name"], "tenant_acme");
});

test("the record is a proxied CNAME to the tunnel and carries the mark of ownership", () => {
  const { inputs } = find("acme-tunnel-record");
  assert.deepEqual(
    {
      type: inputs["type"],
      content: inputs["content"],
      proxied: inputs["proxied"],
      ttl: inputs["ttl"],
      comment: inputs["comment"],
    },
    {
      type: "CNAME",
      content: "acme-tunnel-tunnel-id.cfargotunnel.com",
      proxied: true,
      ttl: 1,
      comment: "odoosaas platform=prod tenant=acme",
    },
  );
});

test("ingress leads the host name to Odoo, closes the database manager and ends with 404", () => {
  const { ingresses } = find("acme-tunnel-config").inputs["config"] as { ingresses: unknown[] };
  assert.deepEqual(ingresses, [
    { hostname: "acme.odoo.example.com", path: "^/+web/+database(/|$)", service: "http_status:403" },
    {
      hostname: "acme.odoo.example.com",
      service: "http://127.0.0.1:8069",
      originRequest: { httpHostHeader: "acme.odoo.example.com" },
    },
    { service: "http_status:404" },
  ]);
});

test("the database belongs to the host's Odoo role and is cloned from the template", () => {
  const { inputs } = find("acme-db-database");
  assert.equal(inputs["owner"], "odoo_h105");
  assert.equal(inputs["template"], "odoo_template");
  assert.equal(inputs["allowConnections"], true);
});

test("the tenant's role is a member of nothing; the host's role is a member of the tenant's", () => {
  const memberships = [...graph.values()].filter((each) => each.type.endsWith(":GrantRole"));
  assert.deepEqual(
    memberships.map((each) => each.inputs),
    [{ role: "odoo_h105", grantRole: "tenant_acme" }],
  );
});

test("the connector goes before the drain, and the drain before the tunnel", () => {
  assert.ok(find("acme-connector-script").dependencies.includes("acme-tunnel-drain"));
  assert.ok(find("acme-tunnel-drain").dependencies.includes("acme-tunnel-tunnel"));
});

test("the database goes before its role, and Odoo's part before both", () => {
  assert.ok(find("acme-db-database").dependencies.includes("acme-db-role"));
  assert.ok(find("acme-odoo-script").dependencies.includes("acme-db-database"));
});

test("no secret is plain in any input", () => {
  const secrets = [
    "CANARY",
    "tunnel-token-of-cloudflare",
    derivePassword(platform.masterKey, "acme", "postgres-role"),
    derivePassword(platform.masterKey, "acme", "odoo-admin"),
    deriveTunnelSecret(platform.masterKey, "acme"),
  ];
  for (const each of graph.values()) {
    for (const [path, text] of leaves(each.inputs)) {
      if (!secrets.some((secret) => text.includes(secret))) continue;
      assert.ok(
        each.secrets.some((at) => path === at || path.startsWith(`${at}.`)),
        `${each.name}: ${path} is plain`,
      );
    }
  }
});

test("a host is told by standard input only, and runs nothing but its own commands, with a word that is fixed", () => {
  const seen = [...graph.values()].filter((each) => each.type === "command:remote:Command");
  assert.deepEqual(seen.map((each) => each.name).toSorted(), [
    "acme-connector-script",
    "acme-odoo-script",
    "acme-operator-script",
  ]);
  for (const each of seen) {
    const { create, update, delete: removes } = each.inputs;
    const command = /^acme-(.+)-script$/.exec(each.name)?.[1];
    const names: Record<string, string> = { odoo: "odoo-database", operator: "operator-script" };
    const path = `sudo -n /usr/local/lib/odoosaas/${names[command ?? ""] ?? command}`;
    assert.deepEqual([create, update, removes], [`${path} up`, `${path} up`, `${path} down`]);
    assert.match(String(each.inputs["stdin"]), /^VERSION=[0-9a-f]{12}\n([A-Z_]+=.*\n)+$/);
    assert.ok(each.secrets.includes("stdin"));
    assert.equal(each.inputs["triggers"], undefined);
    assert.doesNotMatch(String(each.inputs["stdin"]), /#!|^(ODOO_CONFIG|ODOO_DATA|CLOUDFLARED|POSTGRES_HOST)=/m);
  }
});

test("hosts are reached as the platform's own account", () => {
  for (const each of graph.values()) {
    if (each.type !== "command:remote:Command") continue;
    const { user, privateKey } = each.inputs["connection"] as Record<string, string>;
    assert.deepEqual([user, privateKey], ["odoosaas", platform.sshPrivateKey]);
    assert.ok(each.secrets.some((at) => "connection.privateKey".startsWith(at)));
  }
});

test("the host's key is pinned in every connection", () => {
  const connections = [...graph.values()]
    .filter((each) => each.type === "command:remote:Command")
    .map((each) => each.inputs["connection"]);
  assert.ok(connections.length >= 2);
  for (const connection of connections)
    assert.equal((connection as { hostKey: string }).hostKey, platform.hosts[0]?.ssh.hostKey);
});

function leaves(value: unknown, path = ""): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  if (Array.isArray(value)) return value.flatMap((item, index) => leaves(item, `${path}[${index}]`));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key));
}
