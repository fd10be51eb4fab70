import assert from "node:assert/strict";
import { test } from "node:test";
import type { Properties } from "../../../sandbox/plugins/framework/value.ts";
import { connectionFrom } from "../../../sandbox/plugins/postgresql/connection.ts";
import { database } from "../../../sandbox/plugins/postgresql/database.ts";
import { grantRole } from "../../../sandbox/plugins/postgresql/grant-role.ts";
import { grant } from "../../../sandbox/plugins/postgresql/grant.ts";
import { role } from "../../../sandbox/plugins/postgresql/role.ts";
import { changed, old } from "./fake-api.ts";

const context = { name: "res", oldInputs: {} };
const failuresOf = (checked: { failures: readonly { path: string }[] }): string[] =>
  checked.failures.map(({ path }) => path);

test("the connection comes from the program, then from the PG variables, then from the usual defaults", () => {
  const given = connectionFrom(
    { host: "h", port: 5_433, username: "u", password: "p", sslmode: "disable", superuser: false, connectTimeout: 3 },
    {},
  );
  assert.deepEqual(
    { ...given.client, superuser: given.superuser, role: given.role, database: given.maintenanceDatabase },
    {
      host: "h",
      port: 5_433,
      user: "u",
      password: "p",
      ssl: false,
      connectionTimeoutMillis: 3_000,
      fallback_application_name: "Terraform provider",
      superuser: false,
      role: "u",
      database: "postgres",
    },
  );
  const env = {
    PGHOST: "e",
    PGPORT: "1",
    PGUSER: "eu",
    PGPASSWORD: "ep",
    PGDATABASE: "ed",
    PGSSLMODE: "disable",
    PGSUPERUSER: "false",
  };
  const fromEnv = connectionFrom({ username: "given" }, env);
  assert.deepEqual(
    [fromEnv.client.host, fromEnv.client.port, fromEnv.client.user, fromEnv.maintenanceDatabase, fromEnv.superuser],
    ["e", 1, "given", "ed", false],
  );
  const defaults = connectionFrom({ databaseUsername: "inside" }, {});
  assert.deepEqual(
    [defaults.client.port, defaults.role, defaults.superuser, defaults.maxConnections],
    [5_432, "inside", true, 20],
  );
});

test("an sslmode means what it means to the official provider", () => {
  const ssl = (sslmode?: string): unknown => connectionFrom(sslmode === undefined ? {} : { sslmode }, {}).client.ssl;
  assert.equal(ssl("disable"), false);
  for (const mode of [undefined, "require"])
    assert.equal((ssl(mode) as { rejectUnauthorized: boolean }).rejectUnauthorized, false);
  assert.deepEqual(ssl("verify-full"), { rejectUnauthorized: true });
  assert.equal(typeof (ssl("verify-ca") as { checkServerIdentity: unknown }).checkServerIdentity, "function");
  assert.throws(() => ssl("prefer"), /unsupported sslmode "prefer"/);
});

test("ways to log in that are not covered are refused", () => {
  for (const config of [{ awsRdsIamAuth: true }, { azureIdentityAuth: true }, { scheme: "gcppostgres" }])
    assert.throws(() => connectionFrom(config, {}), /covers the scheme postgres with a password only/);
});

test("a role without a name gets one of its own, and keeps it", () => {
  const { inputs } = role.check({}, context);
  assert.match(inputs["name"] as string, /^res-[0-9a-f]{7}$/);
  assert.deepEqual(role.check({}, { name: "res", oldInputs: inputs }).inputs, inputs);
});

test("a role's attributes change in place, its write-only password unseen", () => {
  const state = old({
    id: "r",
    name: "r",
    login: true,
    connectionLimit: 5,
    inherit: true,
    encryptedPassword: true,
    validUntil: "infinity",
    password: "p",
  });
  const inputs = { name: "r", login: true, connectionLimit: 5, password: "p" };
  assert.deepEqual(changed(role.diff(state, inputs)), {});
  assert.deepEqual(
    changed(role.diff(state, { ...inputs, name: "s", connectionLimit: 6, password: "q", passwordWo: "w" })),
    {
      name: "update",
      connectionLimit: "update",
      password: "update",
    },
  );
  assert.deepEqual(failuresOf(role.check({ password: "a", passwordWo: "b", connectionLimit: -2 }, context)), [
    "password",
    "connectionLimit",
  ]);
});

test("memberships that others gave show as a change of the role, as in the official provider", () => {
  const state = old({
    id: "r",
    name: "r",
    roles: ["granted_elsewhere"],
    connectionLimit: -1,
    inherit: true,
    encryptedPassword: true,
    validUntil: "infinity",
  });
  assert.deepEqual(changed(role.diff(state, { name: "r" })), { roles: "delete" });
});

test("a database is replaced by what it was made from, and its old one goes first", () => {
  const made: Properties = {
    id: "d",
    name: "d",
    owner: "o",
    template: "template0",
    encoding: "UTF8",
    lcCollate: "C",
    lcCtype: "C",
    tablespaceName: "pg_default",
    connectionLimit: -1,
    allowConnections: true,
    isTemplate: false,
    alterObjectOwnership: false,
  };
  assert.deepEqual(changed(database.diff(old(made), { name: "d" })), {});
  assert.deepEqual(
    changed(
      database.diff(old(made), {
        name: "d",
        owner: "p",
        allowConnections: false,
        connectionLimit: 3,
        isTemplate: true,
      }),
    ),
    {
      allowConnections: "update",
      connectionLimit: "update",
      isTemplate: "update",
      owner: "update",
    },
  );
  const difference = database.diff(old(made), { name: "d", template: "t", encoding: "DEFAULT" });
  assert.deepEqual(changed(difference), { encoding: "update (replaces)", template: "update (replaces)" });
  assert.equal(difference.deleteBeforeReplace, true);
});

test("privileges of a grant change in place, all else replaces it, the old one first", () => {
  const inputs = { role: "r", database: "d", objectType: "database", privileges: ["CONNECT"] };
  const state = old({ ...inputs, id: "r_d_database", withGrantOption: false });
  assert.deepEqual(changed(grant.diff(state, { ...inputs, privileges: ["CONNECT", "CREATE"] })), {
    privileges: "update",
  });
  const difference = grant.diff(state, { ...inputs, role: "s", withGrantOption: true });
  assert.deepEqual(changed(difference), { role: "update (replaces)", withGrantOption: "update (replaces)" });
  assert.equal(difference.deleteBeforeReplace, true);
});

test("a grant that PostgreSQL does not know is refused", () => {
  const check = (inputs: Properties): string[] =>
    failuresOf(grant.check({ role: "r", database: "d", ...inputs }, context));
  assert.deepEqual(check({ objectType: "database", privileges: ["CONNECT", "ALL"] }), []);
  assert.deepEqual(check({ objectType: "database", privileges: ["SELECT"] }), ["privileges"]);
  assert.deepEqual(check({ objectType: "table", privileges: ["SELECT"] }), ["schema"]);
  assert.deepEqual(check({ objectType: "function", privileges: ["EXECUTE"], schema: "public" }), ["objectType"]);
  assert.deepEqual(check({ objectType: "schema", schema: "public", privileges: [], objects: ["t"], columns: ["c"] }), [
    "columns",
    "objects",
  ]);
  assert.deepEqual(check({ objectType: "database" }), ["privileges"]);
});

test("a membership is only ever replaced", () => {
  const state = old({ id: "m_r_false", role: "m", grantRole: "r", withAdminOption: false });
  assert.deepEqual(changed(grantRole.diff(state, { role: "m", grantRole: "r" })), {});
  assert.deepEqual(changed(grantRole.diff(state, { role: "m", grantRole: "s", withAdminOption: true })), {
    grantRole: "update (replaces)",
    withAdminOption: "update (replaces)",
  });
});

test("what has no importer says so", async () => {
  for (const resource of [grant, grantRole])
    await assert.rejects(resource.read("x", undefined, {} as never), /has no importer/);
});
