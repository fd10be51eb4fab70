import assert from "node:assert/strict";
import { test } from "node:test";
import { Priority } from "../../../automation/queue/queue.ts";
import { startTestApi } from "./fixture.ts";

test("one tenant's secrets are rotated at once, both unless named", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: { subdomain: "acme", plan_type: "shared" } });
  const { status, headers } = await api.call("POST", "/api/tenants/1/rotate", { body: {} });
  assert.equal(status, 202);
  assert.match(headers.get("location") ?? "", /^\/api\/operations\/\d+$/);
  await api.call("POST", "/api/tenants/1/rotate", { body: { secrets: ["tunnel"] } });
  assert.deepEqual(api.tenants.rotations, [
    { id: 1, secrets: ["tunnel", "database"] },
    { id: 1, secrets: ["tunnel"] },
  ]);
  assert.equal((await api.call("POST", "/api/tenants/1/rotate", { body: { secrets: [] } })).status, 422);
});

test("tokens of containers' own tunnels are rotated behind the last page of tenants, passwords are not theirs", async (t) => {
  const api = await startTestApi(t);
  const body = { subscription_id: "sub_9", container_id: 105, local_port: 8080 };
  await api.call("POST", "/api/tunnels", { body });
  const passwords = await api.call("POST", "/api/rotations", { body: { secrets: ["database"] } });
  assert.deepEqual([passwords.at("queued"), passwords.at("next")], [0, null]);
  assert.equal((await api.call("POST", "/api/rotations", { body: { secrets: ["tunnel"] } })).at("queued"), 1);
  assert.equal((await api.call("GET", "/api/rotations")).at("pending.tunnel"), 1);
});

test("all tenants are rotated page by page, behind all other work", async (t) => {
  const api = await startTestApi(t);
  await api.database.query(
    `insert into tenant_deployments (container_id, subdomain, plan_type, customer_email, wanted)
     select 105, 'tenant-' || n, 'shared', 'a@example.com', case when n = 7 then 'deleted' else 'active' end
     from generate_series(1, 205) as n`,
  );
  const begun = [];
  for (const n of Array.from({ length: 205 }, (_, index) => index + 1)) {
    begun.push(n);
    await api.tenants.request(
      { subdomain: `tenant-${n}`, planType: "shared", customerEmail: "a@example.com" },
      { name: "t" },
    );
  }
  const first = await api.call("POST", "/api/rotations", { body: { secrets: ["database"] } });
  assert.deepEqual([first.status, first.at("queued"), first.at("next")], [202, 200, 201]);
  const second = await api.call("POST", "/api/rotations", { body: { secrets: ["database"], after: 201 } });
  assert.deepEqual([second.at("queued"), second.at("next")], [4, null]);
  const rotated = api.tenants.rotations.map(({ id }) => id);
  assert.deepEqual(
    rotated,
    begun.filter((n) => n !== 7),
  );
  const priorities = new Set(
    api.tenants.calls.filter(({ method }) => method === "rotate").map(({ options }) => options?.priority),
  );
  assert.deepEqual([...priorities], [Priority.background]);
});
