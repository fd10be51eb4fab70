import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestApi } from "./fixture.ts";

test("all that wait for one reason are run again, page by page, and nobody else", async (t) => {
  const api = await startTestApi(t);
  await api.database.query(
    `insert into tenant_deployments (container_id, subdomain, plan_type, customer_email, state, state_reason, paused)
     select 105, 'tenant-' || n, 'shared', 'a@example.com',
       case n when 1 then 'active' when 2 then 'failed' when 5 then 'deleted' else 'stalled' end,
       case n when 1 then null when 3 then 'name-taken' else 'cloudflare-refused' end, n = 4
     from generate_series(1, 206) as n`,
  );
  for (let n = 1; n <= 206; n++)
    await api.tenants.request(
      { subdomain: `tenant-${n}`, planType: "shared", customerEmail: "a@example.com" },
      { name: "t" },
    );
  const ask = (afterId: number) =>
    api.call("POST", "/api/retries", { role: "operator", body: { reason: "cloudflare-refused", after: afterId } });
  for (const label of ["shop", "bar", "other", "well"]) {
    const body = { subscription_id: `sub_${label}`, container_id: 105, local_port: 8080 };
    await api.call("POST", "/api/tunnels", { body: { ...body, hostname: `${label}.example.com` } });
  }
  await api.database.query(
    `update standalone_tunnels set state = case label when 'bar' then 'failed' when 'well' then 'active' else 'stalled' end,
       state_reason = case label when 'other' then 'name-taken' else 'cloudflare-refused' end`,
  );
  const first = await ask(0);
  assert.deepEqual([first.status, first.at("queued"), first.at("next")], [202, 200, 204]);
  const second = await ask(204);
  assert.deepEqual([second.at("queued"), second.at("next")], [4, null], "two tenants, and two containers' own tunnels");
  const { rows } = await api.database.query<{ label: string }>(
    "select label from standalone_tunnels where generation = 2 order by label",
  );
  assert.deepEqual(rows, [{ label: "bar" }, { label: "shop" }]);
  assert.equal(api.tenants.calls.filter(({ method }) => method === "retry").length, 202);
  const tried = api.tenants.allOperations.slice(206).map(({ tenantId }) => tenantId);
  assert.deepEqual([tried[0], tried[1], tried.at(-1)], [2, 6, 206]);
  assert.equal((await api.call("POST", "/api/retries", { body: { reason: "bad-luck" } })).status, 422);
});
