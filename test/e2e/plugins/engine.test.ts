import assert from "node:assert/strict";
import { test } from "node:test";
import * as command from "@pulumi/command";
import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import type { OpMap } from "@pulumi/pulumi/automation/index.js";
import pg from "pg";
import { PROVIDERS } from "../../../sandbox/plugins/providers.ts";
import { startPostgres, type TestPostgres } from "../../postgres.ts";
import { engineWorld } from "./engine-world.ts";

const SECRET = 'hunter2\'s "secret"';

interface Wish {
  connectionLimit: number;
  suspended: boolean;
  grantee: string;
  update: string;
}
const first: Wish = { connectionLimit: 5, suspended: false, grantee: "tenant_acme", update: "echo updated" };

/** A tenant's database as components make it, and a command that is told a secret. */
function program(postgres: TestPostgres, wish: Wish, imported = false) {
  return async (): Promise<Record<string, pulumi.Output<unknown>>> => {
    const provider = new postgresql.Provider("postgres", {
      host: "127.0.0.1",
      port: postgres.port,
      username: "postgres",
      password: pulumi.secret(SECRET),
      sslmode: "disable",
    });
    const options = { provider };
    const role = new postgresql.Role(
      "role",
      { name: "tenant_acme", login: true, password: pulumi.secret(SECRET), connectionLimit: wish.connectionLimit },
      { ...options, ...(imported && { import: "tenant_acme", ignoreChanges: ["password"] }) },
    );
    const database = new postgresql.Database(
      "database",
      { name: "acme", owner: role.name, allowConnections: !wish.suspended, lcCollate: "DEFAULT", encoding: "DEFAULT" },
      { ...options, ignoreChanges: ["lcCollate", "encoding"], ...(imported && { import: "acme" }) },
    );
    if (!imported)
      new postgresql.Grant(
        "grant",
        { role: wish.grantee, database: database.name, objectType: "database", privileges: ["CONNECT"] },
        options,
      );
    const told = new command.local.Command("told", {
      create: "cat >/dev/null; echo made in ${DATABASE}",
      update: wish.update,
      delete: "echo gone",
      stdin: pulumi.secret(SECRET),
      environment: { DATABASE: database.name },
      logging: "none",
    });
    return { printed: told.stdout, databaseId: database.id };
  };
}

async function sql(postgres: TestPostgres, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(postgres.url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

class AnyResource extends pulumi.CustomResource {}

const changes = (summary: { resourceChanges?: OpMap | undefined }): OpMap => summary.resourceChanges ?? {};

test("a stack is previewed, made, left alone, changed, repaired, imported and destroyed", async (t) => {
  const postgres = await startPostgres(t);
  const world = await engineWorld(t);
  await sql(postgres, "CREATE ROLE other");
  const stack = async (wish: Partial<Wish> = {}) => await world.stack("acme", program(postgres, { ...first, ...wish }));

  const preview = await (await stack()).preview();
  assert.deepEqual(preview.changeSummary, { create: 6 });
  const up = await (await stack()).up();
  assert.deepEqual(changes(up.summary), { create: 6 });
  assert.deepEqual([up.outputs["printed"]?.value, up.outputs["databaseId"]?.value], ["made in acme", "acme"]);
  assert.equal(
    (await sql(postgres, "SELECT has_database_privilege('tenant_acme', 'acme', 'CONNECT') AS yes"))[0]?.["yes"],
    true,
  );

  assert.deepEqual(changes((await (await stack()).up()).summary), { same: 6 }, "the second time changes nothing");
  const refreshed = await (await stack()).refresh();
  assert.deepEqual(changes(refreshed.summary), { same: 6 }, "and neither does a refresh");

  const changed = await (await stack({ connectionLimit: 6, update: "echo $PULUMI_COMMAND_STDOUT, again" })).up();
  assert.deepEqual(changes(changed.summary), { same: 4, update: 2 });
  assert.equal(changed.outputs["printed"]?.value, "made in acme, again");
  const replaced = await (
    await stack({ connectionLimit: 6, grantee: "other", update: "echo $PULUMI_COMMAND_STDOUT, again" })
  ).up();
  assert.deepEqual(changes(replaced.summary), { replace: 1, same: 5 });
  assert.equal(
    (await sql(postgres, "SELECT datacl::text FROM pg_database WHERE datname = 'acme'"))[0]?.["datacl"]
      ?.toString()
      .includes("other=c/"),
    true,
  );

  await sql(postgres, "ALTER ROLE tenant_acme CONNECTION LIMIT 99; REVOKE CONNECT ON DATABASE acme FROM other");
  const drifted = await (await stack({ connectionLimit: 6, grantee: "other" })).refresh();
  assert.deepEqual(changes(drifted.summary), { same: 4, update: 2 });
  const repaired = await (
    await stack({ connectionLimit: 6, grantee: "other", update: "echo $PULUMI_COMMAND_STDOUT, again" })
  ).up();
  assert.deepEqual(changes(repaired.summary), { same: 4, update: 2 });

  const { deployment } = (await (await stack()).exportStack()) as {
    deployment: { resources: { type: string; id?: string; outputs?: Record<string, unknown> }[] };
  };
  const role = deployment.resources.find(({ type }) => type.endsWith(":Role"));
  assert.ok(
    JSON.stringify(role?.outputs?.["password"]).includes("1b47061264138c4ac30d75fd1eb44270"),
    "the password is a secret in state",
  );

  const suspended = await (await stack({ suspended: true, grantee: "other" })).up();
  assert.deepEqual(changes(suspended.summary), { same: 3, update: 3 });
  await assert.rejects((await stack()).destroy(), /database "acme" is not currently accepting connections/);
  await (await stack({ grantee: "other" })).up();
  await (await stack()).destroy();
  assert.deepEqual(
    await sql(
      postgres,
      "SELECT 1 FROM pg_database WHERE datname = 'acme' UNION ALL SELECT 1 FROM pg_roles WHERE rolname = 'tenant_acme'",
    ),
    [],
  );
});

test("a role and a database that are there are imported, and nothing about them changes", async (t) => {
  const postgres = await startPostgres(t);
  const world = await engineWorld(t);
  await sql(postgres, "CREATE ROLE tenant_acme LOGIN CONNECTION LIMIT 5");
  await sql(postgres, "CREATE DATABASE acme OWNER tenant_acme");
  const stack = await world.stack("acme", program(postgres, first, true));
  const up = await stack.up();
  assert.deepEqual([changes(up.summary).import, changes(up.summary).create], [2, 3]);
  assert.deepEqual(changes((await stack.up()).summary), { same: 5 });
  await stack.destroy();
});

test("a wrong property, a wrong password and a name that is taken are told by name, and made good by a correction", async (t) => {
  const postgres = await startPostgres(t);
  const world = await engineWorld(t);
  await sql(postgres, "CREATE ROLE taken");
  const wrong = async (args: Record<string, unknown>, port = postgres.port) =>
    await world.stack("wrong", async () => {
      const provider = new postgresql.Provider("p", { host: "127.0.0.1", port, sslmode: "disable", connectTimeout: 2 });
      // The SDK's class would leave out what it does not know.
      new AnyResource("postgresql:index/role:Role", "role", args, {
        provider,
        version: PROVIDERS.postgresql,
      });
    });
  await assert.rejects(
    (await wrong({ name: "r", conectionLimit: 5 })).preview(),
    /Invalid or unknown key. Examine values at 'role\.conectionLimit'/,
  );
  await assert.rejects(
    (await wrong({ name: "r", login: "yes" })).preview(),
    /Expected a boolean, got a string. Examine values at 'role\.login'/,
  );
  await assert.rejects(
    (await wrong({ name: "r" }, 1)).up(),
    /error connecting to PostgreSQL server 127\.0\.0\.1.*ECONNREFUSED/s,
  );
  await assert.rejects((await wrong({ name: "taken" })).up(), /role "taken" already exists/);
  const corrected = await (await wrong({ name: "free" })).up();
  assert.equal(changes(corrected.summary).create, 1);
  await (await wrong({ name: "free" })).destroy();
});
