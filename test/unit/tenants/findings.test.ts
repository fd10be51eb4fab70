import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deployment, StateResource } from "../../../automation/engine/engine.ts";
import { compareWithState, type Findings, repairedState, takenBy } from "../../../automation/tenants/findings.ts";

const stack = "urn:pulumi:acme::odoosaas::pulumi:pulumi:Stack::odoosaas-acme";
const tunnel = resource("cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared", "tunnel", "t-1");
const record = resource("cloudflare:index/dnsRecord:DnsRecord", "record", "r-1", {
  dependencies: [tunnel.urn],
  propertyDependencies: { content: [tunnel.urn], name: [] },
});
const role = resource("postgresql:index/role:Role", "role", "tenant_acme");
const member = resource("postgresql:index/grantRole:GrantRole", "member", "x", { dependencies: [role.urn] });
const database = resource("postgresql:index/database:Database", "database", "acme", {
  dependencies: [role.urn],
  deletedWith: role.urn,
});
const owner = { odooRole: "odoo_h105", claimed: false };

const everything: Findings = {
  tunnel: { id: "t-1", ours: true },
  record: { id: "r-1", ours: true, is: "CNAME t-1.cfargotunnel.com" },
  role: { ours: true },
  database: { owner: "odoo_h105", mark: "ours" },
};

test("free names and our own are taken by nobody", () => {
  assert.deepEqual(takenBy("acme", "acme.example.com", {}, owner), []);
  assert.deepEqual(takenBy("acme", "acme.example.com", everything, owner), []);
});

test("another's tunnel, record, role and database are each named", () => {
  const others: Findings = {
    tunnel: { id: "t-9", ours: false },
    record: { id: "r-9", ours: false, is: "A 192.0.2.1" },
    role: { ours: false },
    database: { owner: "somebody", mark: "another" },
  };
  const taken = takenBy("acme", "acme.example.com", others, owner);
  assert.equal(taken.length, 4);
  assert.match(
    taken.join("\n"),
    /tunnel acme-tunnel \(t-9\)[^]*acme\.example\.com \(A 192\.0\.2\.1\)[^]*tenant_acme[^]*owner somebody/,
  );
});

test("a database without a mark is ours only when we once saw its name free, and it has the owner that we give", () => {
  const unmarked = (databaseOwner: string): Findings => ({ database: { owner: databaseOwner, mark: "unmarked" } });
  assert.equal(takenBy("acme", "", unmarked("odoo_h105"), owner).length, 1);
  assert.equal(takenBy("acme", "", unmarked("odoo_h105"), { ...owner, claimed: true }).length, 0);
  assert.equal(takenBy("acme", "", unmarked("postgres"), { ...owner, claimed: true }).length, 1);
});

test("what exists without the state's knowledge is adopted", () => {
  const { adopt, forget } = compareWithState(state([role]), everything);
  assert.deepEqual(adopt, { tunnelId: "t-1", recordId: "r-1", database: true });
  assert.deepEqual(forget, []);
  assert.deepEqual(compareWithState(undefined, everything).adopt, {
    tunnelId: "t-1",
    recordId: "r-1",
    role: true,
    database: true,
  });
});

test("what the state knows and exists needs nothing", () => {
  const { adopt, gone, forget } = compareWithState(state([tunnel, record, role, database]), everything);
  assert.deepEqual([adopt, gone, forget], [{}, [], []]);
});

test("what is gone is forgotten, and what depended on it no longer does", () => {
  const before = state([tunnel, record, role]);
  const repair = compareWithState(before, { record: everything.record!, role: { ours: true } });
  assert.deepEqual([repair.gone, repair.forget], [["tunnel"], [tunnel.urn]]);
  const after = repairedState(before, repair).deployment.resources;
  assert.deepEqual(
    after?.map(({ urn, dependencies, propertyDependencies }) => ({ urn, dependencies, propertyDependencies })),
    [
      { urn: stack, dependencies: undefined, propertyDependencies: undefined },
      { urn: record.urn, dependencies: [], propertyDependencies: { content: [], name: [] } },
      { urn: role.urn, dependencies: undefined, propertyDependencies: undefined },
    ],
  );
});

test("a tunnel that was deleted and made anew under its name is forgotten and adopted", () => {
  const { adopt, forget } = compareWithState(state([tunnel]), { tunnel: { id: "t-2", ours: true } });
  assert.deepEqual([adopt, forget], [{ tunnelId: "t-2" }, [tunnel.urn]]);
});

test("a role takes its memberships along", () => {
  const before = state([role, member, database]);
  const repair = compareWithState(before, { database: everything.database! });
  assert.deepEqual(repair.forget, [role.urn, member.urn]);
  const [, kept] = repairedState(before, repair).deployment.resources ?? [];
  assert.deepEqual([kept?.urn, kept?.["dependencies"], kept?.["deletedWith"]], [database.urn, [], undefined]);
});

test("operations that an interrupted run began are told and dropped", () => {
  const before: Deployment = {
    version: 3,
    deployment: { resources: [], pending_operations: [{ type: "creating", resource: tunnel }] },
  };
  const repair = compareWithState(before, {});
  assert.deepEqual(repair.pending, [`creating ${tunnel.urn}`]);
  assert.equal(repairedState(before, repair).deployment.pending_operations, undefined);
});

function resource(type: string, name: string, id: string, more: Record<string, unknown> = {}): StateResource {
  return { urn: `urn:pulumi:acme::odoosaas::odoosaas:tenant:Tenant$${type}::acme-${name}`, type, id, ...more };
}

function state(resources: StateResource[]): Deployment {
  return { version: 3, deployment: { resources: [{ urn: stack, type: "pulumi:pulumi:Stack" }, ...resources] } };
}
