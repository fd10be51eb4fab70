import assert from "node:assert/strict";
import { before, test } from "node:test";
import pg from "pg";
import { dropInvalid } from "../../../automation/tenants/invalid-database.ts";
import { afterFile, filePostgres } from "../../database.ts";

let superuser: pg.Pool;
let admin: pg.Pool;
before(async () => {
  const { url } = await filePostgres();
  superuser = pool(url);
  // As docs/operations/server.md makes it: no superuser.
  await superuser.query("create role platform login createdb createrole");
  admin = pool(url.replace("//postgres@", "//platform@"));
  await admin.query("create role odoo login");
});

function pool(connectionString: string): pg.Pool {
  const made = new pg.Pool({ connectionString, max: 2 });
  made.on("error", () => {});
  afterFile(() => made.end());
  return made;
}

async function databaseOf(owner: string, name: string): Promise<void> {
  await superuser.query(`create database "${name}" owner "${owner}"`);
}

async function cutOff(name: string): Promise<void> {
  await superuser.query("update pg_database set datconnlimit = -2 where datname = $1", [name]);
}

async function names(): Promise<string[]> {
  const { rows } = await superuser.query<{ datname: string }>(
    "select datname from pg_database where datname like 'acme%'",
  );
  return rows.map(({ datname }) => datname);
}

test("a database whose removal was cut off is dropped by a role that is no member of its owner", async () => {
  await databaseOf("odoo", "acme-1");
  await cutOff("acme-1");
  await assert.rejects(
    admin.query('alter database "acme-1" allow_connections false'),
    /must be owner|invalid database/,
  );
  await dropInvalid(admin, "acme-1");
  assert.deepEqual(await names(), []);
  const { rows } = await superuser.query("select pg_has_role('platform', 'odoo', 'member') as member");
  assert.deepEqual(rows, [{ member: false }], "the membership is borrowed");
});

test("the membership that the role has already stays", async () => {
  await superuser.query("create role other");
  await superuser.query("grant other to platform");
  await databaseOf("other", "acme-2");
  await cutOff("acme-2");
  await dropInvalid(admin, "acme-2");
  assert.deepEqual(await names(), []);
  const { rows } = await superuser.query("select pg_has_role('platform', 'other', 'member') as member");
  assert.deepEqual(rows, [{ member: true }]);
});

test("a whole database is left alone, and so is one that is not there", async () => {
  await databaseOf("odoo", "acme-3");
  await dropInvalid(admin, "acme-3");
  await dropInvalid(admin, "acme-4");
  assert.deepEqual(await names(), ["acme-3"]);
  await superuser.query('drop database "acme-3"');
});

test("several at once do not wait for each other for ever", async () => {
  const many = Array.from({ length: 5 }, (_, index) => `acme-many-${index}`);
  for (const name of many) await databaseOf("odoo", name);
  for (const name of many) await cutOff(name);
  await Promise.all(many.map((name) => dropInvalid(admin, name)));
  assert.deepEqual(await names(), []);
});
