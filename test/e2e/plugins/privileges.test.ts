import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { database } from "../../../sandbox/plugins/postgresql/database.ts";
import { grantRole } from "../../../sandbox/plugins/postgresql/grant-role.ts";
import { grant } from "../../../sandbox/plugins/postgresql/grant.ts";
import { role } from "../../../sandbox/plugins/postgresql/role.ts";
import { directCall } from "../../unit/plugins/direct-call.ts";
import { PostgresWorld } from "./postgres-world.ts";

let world: PostgresWorld;
before(async () => {
  world = await PostgresWorld.start();
});
after(async () => await world.stop());

test("an update of a role takes memberships away that others gave it", async () => {
  const member = await world.make(role, { name: "member" });
  const group = await world.make(role, { name: "team" });
  const membership = await world.make(grantRole, { role: "member", grantRole: "team" });
  assert.deepEqual((await world.refresh(role, member))?.outputs["roles"], ["team"], "seen by a refresh as drift");
  const limited = await world.update(role, member, { name: "member", connectionLimit: 4 });
  assert.equal(await world.refresh(grantRole, membership), undefined, "and revoked by any update of the role");
  await world.update(role, limited, { name: "member", roles: ["team"] });
  assert.deepEqual(
    (await world.refresh(grantRole, membership))?.outputs["withAdminOption"],
    false,
    "unless the role itself says so",
  );
  await world.drop(role, member);
  await world.drop(role, group);
});

test("a membership comes and goes with its option", async () => {
  for (const name of ["giver", "taker"]) await world.make(role, { name });
  const made = await world.make(grantRole, { role: "taker", grantRole: "giver", withAdminOption: true });
  assert.equal(made.id, "taker_giver_true");
  await world.drop(grantRole, made);
  assert.equal(await world.refresh(grantRole, made), undefined);
  await world.sql("DROP ROLE giver, taker");
  await assert.rejects(
    grantRole.create({ role: "taker", grantRole: "giver" }, directCall(world.root)),
    /does not exist/,
  );
});

test("privileges on databases, schemas and tables are given, changed, seen to differ and taken away", async () => {
  await world.make(role, { name: "reader", login: true });
  const made = await world.make(database, { name: "granted" });
  await world.sql("CREATE TABLE a (); CREATE TABLE b ()", { database: "granted" });
  const held = async (): Promise<unknown> =>
    (
      await world.sql(
        `SELECT has_database_privilege('reader', 'granted', 'CONNECT') AS connect, has_schema_privilege('reader', 'public', 'CREATE') AS "create",
      has_table_privilege('reader', 'a', 'SELECT') AS a, has_table_privilege('reader', 'b', 'SELECT') AS b`,
        { database: "granted" },
      )
    )[0];
  const closed = await world.make(grant, {
    role: "public",
    database: "granted",
    objectType: "database",
    privileges: [],
  });
  assert.equal(closed.id, "public_granted_database");
  assert.deepEqual(await held(), { connect: false, create: false, a: false, b: false });
  const of = { role: "reader", database: "granted" };
  const onDatabase = await world.make(grant, { ...of, objectType: "database", privileges: ["CONNECT", "TEMPORARY"] });
  const onSchema = await world.make(grant, { ...of, objectType: "schema", schema: "public", privileges: ["ALL"] });
  const onTables = await world.make(grant, {
    ...of,
    objectType: "table",
    schema: "public",
    objects: ["a"],
    privileges: ["SELECT"],
  });
  assert.deepEqual([onSchema.id, onTables.id], ["reader_granted_public_schema", "reader_granted_public_table_a"]);
  assert.deepEqual(await held(), { connect: true, create: true, a: true, b: false });
  const all = await world.make(grant, { ...of, objectType: "table", schema: "public", privileges: ["SELECT"] });
  assert.deepEqual(await held(), { connect: true, create: true, a: true, b: true });
  await world.sql("REVOKE CONNECT ON DATABASE granted FROM reader");
  assert.deepEqual((await world.refresh(grant, onDatabase))?.outputs["privileges"], ["TEMPORARY"]);
  await world.update(grant, onDatabase, { ...of, objectType: "database", privileges: ["CONNECT"] });
  for (const each of [all, onTables, onSchema]) await world.drop(grant, each);
  assert.deepEqual(await held(), { connect: true, create: false, a: false, b: false });
  await world.drop(database, made);
  assert.equal(await world.refresh(grant, onDatabase), undefined, "gone with the database");
  await world.sql("DROP ROLE reader");
});

test("an administrator without all power grants on what others own", async () => {
  await world.make(role, { name: "landlord", login: true }, world.admin);
  await world.make(role, { name: "lodger" }, world.admin);
  const made = await world.make(database, { name: "house", owner: "landlord" }, world.admin);
  await world.sql("CREATE TABLE room ()", { database: "house", user: "landlord" });
  const given = await world.make(
    grant,
    {
      role: "lodger",
      database: "house",
      objectType: "table",
      schema: "public",
      objects: ["room"],
      privileges: ["SELECT"],
    },
    world.admin,
  );
  await world.drop(grant, given, world.admin);
  await world.drop(database, made, world.admin);
  await world.sql("DROP ROLE landlord, lodger");
});
