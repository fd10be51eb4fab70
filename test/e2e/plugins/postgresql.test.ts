import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { database } from "../../../sandbox/plugins/postgresql/database.ts";
import { role } from "../../../sandbox/plugins/postgresql/role.ts";
import { directCall } from "../../unit/plugins/direct-call.ts";
import { until } from "../../until.ts";
import { PostgresWorld } from "./postgres-world.ts";

let world: PostgresWorld;
before(async () => {
  world = await PostgresWorld.start();
});
after(async () => await world.stop());

test("a role logs in with its password, is changed in place and goes with what it owns", async () => {
  const inputs = {
    name: "r'1\"",
    login: true,
    password: "it's \\ secret",
    connectionLimit: 7,
    statementTimeout: 5_000,
    searchPaths: ["a", "public"],
  };
  const made = await world.make(role, inputs);
  assert.equal(made.id, "r'1\"");
  assert.deepEqual(
    [made.outputs["searchPaths"], made.outputs["statementTimeout"], made.outputs["password"]],
    [["a", "public"], 5_000, "it's \\ secret"],
  );
  assert.equal(
    (await world.sql("SELECT current_user::text AS u", { user: "r'1\"", password: "it's \\ secret" }))[0]?.["u"],
    "r'1\"",
  );
  const changed = {
    name: "r2",
    login: true,
    password: "other",
    connectionLimit: 9,
    createDatabase: true,
    validUntil: "2030-01-01 00:00:00+00",
  };
  const renamed = await world.update(role, made, changed);
  assert.deepEqual(
    [renamed.outputs["id"], renamed.outputs["createDatabase"], renamed.outputs["statementTimeout"]],
    ["r2", true, undefined],
  );
  await world.sql("CREATE TABLE owned (); ALTER TABLE owned OWNER TO r2");
  const seen = await world.refresh(role, renamed);
  assert.deepEqual([seen?.id, seen?.inputs], ["r2", { ...changed, validUntil: renamed.outputs["validUntil"] }]);
  await world.drop(role, { ...renamed, id: "r2" });
  assert.deepEqual(await world.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'owned'"), [
    { tableowner: "postgres" },
  ]);
  assert.equal(await world.refresh(role, renamed), undefined);
  await world.sql("DROP TABLE owned");
});

test("a role that is there already is told, and imported instead", async () => {
  await world.sql("CREATE ROLE there LOGIN CONNECTION LIMIT 3");
  await assert.rejects(
    role.create({ name: "there" }, directCall(world.root)),
    /error creating role there: pq: role "there" already exists/,
  );
  const found = await role.read("there", undefined, directCall(world.root));
  assert.deepEqual(found?.inputs, { name: "there", login: true, connectionLimit: 3 });
  assert.equal(await role.read("nobody", undefined, directCall(world.root)), undefined);
  await world.sql("DROP ROLE there");
});

test("an administrator without all power makes and removes others' databases, and stays out of their roles", async () => {
  const owner = await world.make(role, { name: "owner_a", login: true }, world.admin);
  const made = await world.make(database, { name: "da\"ta'base", owner: "owner_a", connectionLimit: 5 }, world.admin);
  const memberships = "SELECT 1 FROM pg_auth_members WHERE member = 'administrator'::regrole";
  assert.deepEqual(await world.sql(memberships), []);
  assert.deepEqual(
    [made.outputs["encoding"], made.outputs["template"], made.outputs["isTemplate"]],
    ["UTF8", "template0", false],
  );
  const other = await world.make(role, { name: "owner_b" }, world.admin);
  const inputs = { name: made.id, owner: "owner_a", connectionLimit: 5, allowConnections: false };
  await assert.rejects(
    database.update(made, inputs, directCall(world.admin)),
    /must be owner of database/,
    "in place it has to be a member",
  );
  await world.sql("GRANT owner_a, owner_b TO administrator");
  const changed = await world.update(
    database,
    made,
    { name: "da\"ta'base", owner: "owner_b", allowConnections: false },
    world.admin,
  );
  assert.deepEqual([changed.outputs["owner"], changed.outputs["connectionLimit"]], ["owner_b", -1]);
  await assert.rejects(world.sql("SELECT 1", { database: "da\"ta'base" }), /not currently accepting connections/);
  await world.drop(database, changed, world.admin);
  assert.equal(await world.refresh(database, changed, world.admin), undefined);
  assert.equal((await world.sql(memberships)).length, 2, "those that were given to it stay");
  for (const each of [owner, other]) await world.drop(role, each, world.admin);
});

test("passwords of roles are read only by superusers, and the configuration says who is one", async () => {
  const pretender = world.server({ username: "administrator", superuser: true });
  const failing = role.create({ name: "watched", login: true, password: "p" }, directCall(pretender));
  await assert.rejects(failing, /connected user administrator is not a SUPERUSER.*superuser = false/s);
  const found = await role.read("watched", undefined, directCall(world.admin));
  assert.ok(found, "it was made all the same, and is recorded as a partial failure");
  await world.sql("DROP ROLE watched");
});

test("a database is cloned from a template, renamed, and dropped while somebody is connected", async () => {
  await world.sql("CREATE DATABASE pattern");
  await world.sql("CREATE TABLE inherited ()", { database: "pattern" });
  const inputs = { name: "clone", template: "pattern" };
  const made = await world.make(database, inputs);
  assert.equal(made.outputs["template"], "pattern");
  const renamed = await world.update(database, made, { ...inputs, name: "renamed", isTemplate: true });
  assert.equal(renamed.outputs["id"], "renamed");
  const visitor = new pg.Client({ host: "127.0.0.1", port: world.port, user: "postgres", database: "renamed" });
  const thrownOut = new Promise<Error>((resolve) => visitor.on("error", resolve));
  await visitor.connect();
  assert.equal((await visitor.query("SELECT * FROM inherited")).rowCount, 0);
  await world.drop(database, { ...renamed, id: "renamed" });
  assert.match((await thrownOut).message, /terminat/);
  await world.sql("DROP DATABASE pattern");
});

test("the contents of a database follow its owner when that is wished for", async () => {
  for (const name of ["before", "afterwards"]) await world.make(role, { name, login: true });
  const made = await world.make(database, { name: "contents", owner: "before", alterObjectOwnership: true });
  await world.sql("CREATE TABLE t ()", { database: "contents", user: "before" });
  const changed = await world.update(database, made, {
    name: "contents",
    owner: "afterwards",
    alterObjectOwnership: true,
  });
  assert.deepEqual(
    await world.sql("SELECT tableowner FROM pg_tables WHERE tablename = 't'", { database: "contents" }),
    [{ tableowner: "afterwards" }],
  );
  await world.drop(database, changed);
  await world.sql("DROP ROLE before, afterwards");
});

test("many databases at once, more than there may be connections, are all made", async () => {
  await world.make(role, { name: "many" });
  const narrow = world.server({ username: "postgres", maxConnections: 2 });
  const names = Array.from({ length: 6 }, (_, index) => `many_${index}`);
  const made = await Promise.all(
    names.map(async (name) => await world.make(database, { name, owner: "many" }, narrow)),
  );
  await Promise.all(made.map(async (each) => await world.drop(database, each, narrow)));
  assert.deepEqual(await world.sql("SELECT datname FROM pg_database WHERE datname LIKE 'many%'"), []);
  await world.sql("DROP ROLE many");
});

test("a cancellation ends a statement that waits, and leaves nothing", async () => {
  await world.sql("CREATE ROLE busy");
  const holder = new pg.Client({ host: "127.0.0.1", port: world.port, user: "postgres", database: "postgres" });
  await holder.connect();
  await holder.query("SELECT pg_advisory_lock(oid::bigint) FROM pg_roles WHERE rolname = 'busy'");
  const stop = new AbortController();
  const made = { id: "busy", inputs: { name: "busy" }, outputs: { name: "busy", id: "busy" } };
  const refused = assert.rejects(
    role.update(made, { name: "busy", login: true }, directCall(world.root, stop.signal)),
    /told to stop/,
  );
  const waiting =
    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'Terraform provider'";
  await until(
    "the update to wait",
    () => world.sql(waiting),
    (rows) => rows.length === 1,
    5_000,
  );
  stop.abort(new Error("told to stop"));
  await refused;
  assert.deepEqual(await world.sql(waiting), []);
  assert.deepEqual(await world.sql("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'busy'"), [
    { rolcanlogin: false },
  ]);
  await holder.end();
  await world.sql("DROP ROLE busy");
});

test("a server that is not there, or does not speak TLS, is told by its address", async () => {
  const away = world.server({ port: 1, host: "127.0.0.1" });
  await assert.rejects(
    role.create({ name: "x" }, directCall(away)),
    /error connecting to PostgreSQL server 127\.0\.0\.1: pq: .*ECONNREFUSED/,
  );
  const secure = world.server({ sslmode: "require" });
  await assert.rejects(role.create({ name: "x" }, directCall(secure)), /does not support SSL/);
});
