import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestApi } from "./fixture.ts";

test("the answer to a deletion tells of a subscription that goes on, and opens its task", async (t) => {
  const api = await startTestApi(t);
  for (const [subdomain, status] of [
    ["acme", "active"],
    ["beta", "canceled"],
  ]) {
    const id = `sub_${subdomain}`;
    await api.call("POST", "/api/tenants", { body: { subdomain, plan_type: "shared", subscription_id: id } });
    await api.database.query(
      `insert into tenant_deployments (container_id, subdomain, plan_type, customer_email)
       values (105, $1, 'shared', 'a@example.com')`,
      [subdomain],
    );
    await api.database.query("insert into stripe_subscriptions (id, status, read_at) values ($1, $2, now())", [
      id,
      status,
    ]);
  }
  const paid = await api.call("DELETE", "/api/tenants/1");
  assert.equal(paid.status, 202);
  assert.match(String(paid.at("notice")), /^Subscription sub_acme is active in Stripe, which goes on charging it\./);
  assert.equal((await api.call("DELETE", "/api/tenants/2")).at("notice"), undefined);
  const tasks = await api.call("GET", "/api/tasks");
  assert.deepEqual([tasks.at("tasks.*.kind"), tasks.at("tasks.*.subscription_id")], [["tenant-deleted"], ["sub_acme"]]);
});
