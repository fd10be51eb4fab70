import assert from "node:assert/strict";
import { test } from "node:test";
import { derivePassword } from "../../../components/tenant/secrets.ts";
import { PLATFORM, startTestApi } from "./fixture.ts";

const ACME = { subdomain: "acme", plan_type: "shared", customer_email: "boss@acme.example" };
const PASSWORD = derivePassword(PLATFORM.masterKey, "acme", "odoo-admin");

test("an admin is told the first login, an audit line says so, and the password is in neither log nor database", async (t) => {
  const api = await startTestApi(t);
  api.tenants.endWith = "succeeded";
  await api.call("POST", "/api/tenants", { body: ACME });
  const told = await api.call("POST", "/api/tenants/1/initial-password", { headers: { "idempotency-key": "k1" } });
  assert.deepEqual(told.body, {
    success: true,
    url: "https://acme.example.com",
    login: "boss@acme.example",
    password: PASSWORD,
    ready: true,
  });
  assert.equal(told.headers.get("cache-control"), "no-store");
  assert.equal((await api.call("POST", "/api/tenants/1/initial-password", { role: "operator" })).status, 403);

  const { rows } = await api.database.query("select actor, action, subject_id, after from audit_log");
  assert.deepEqual(rows, [
    {
      actor: "user:tester",
      action: "tenant.initial-password",
      subject_id: "1",
      after: { login: "boss@acme.example" },
    },
  ]);
  assert(!api.log().includes(PASSWORD));
  const tables = await api.database.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  for (const { name } of tables.rows) {
    const found = await api.database.query(`select 1 from ${name} as line where line::text like $1`, [`%${PASSWORD}%`]);
    assert.equal(found.rowCount, 0, name);
  }
});

test("without its audit line the password is not told", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: ACME });
  await api.database.query("drop table audit_log cascade");
  const { status, body } = await api.call("POST", "/api/tenants/1/initial-password");
  assert.equal(status, 500);
  assert(!JSON.stringify(body).includes(PASSWORD));
});

test("what was derived from a master key that was replaced is told nobody, but what the new one gives", async (t) => {
  let platform: typeof PLATFORM = { ...PLATFORM, formerMasterKey: "f".repeat(40) };
  const api = await startTestApi(t, { platform: () => platform });
  await api.call("POST", "/api/tenants", { body: { ...ACME, subdomain: "new" } });
  api.tenants.endWith = "succeeded";
  await api.call("POST", "/api/tenants", { body: ACME });
  assert.equal((await api.call("POST", "/api/tenants/1/initial-password")).status, 200, "it is not made yet");
  const refused = await api.call("POST", "/api/tenants/2/initial-password");
  assert.deepEqual([refused.status, refused.at("type")], [409, "/problems/MasterKeyReplaced"]);
  assert.match(String(refused.at("remedy")), /Set another one on the tenant's host/);
  const { readyAt } = api.tenants.rows[1] ?? {};
  assert.ok(readyAt);
  const since = (ms: number): string => new Date(readyAt.getTime() + ms).toISOString();
  platform = { ...PLATFORM, masterKeySince: since(1) };
  assert.equal((await api.call("POST", "/api/tenants/2/initial-password")).status, 409);
  platform = { ...PLATFORM, masterKeySince: since(-1) };
  assert.equal((await api.call("POST", "/api/tenants/2/initial-password")).at("password"), PASSWORD);
});

test("a tenant that is being deleted has no first login any more", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: ACME });
  assert.equal((await api.call("POST", "/api/tenants/1/initial-password")).at("ready"), false);
  await api.call("DELETE", "/api/tenants/1");
  const { status, at } = await api.call("POST", "/api/tenants/1/initial-password");
  assert.deepEqual([status, at("type")], [409, "/problems/TenantIsDeleted"]);
});
