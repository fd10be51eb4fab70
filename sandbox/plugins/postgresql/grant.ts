import type { Client } from "pg";
import type { Failure } from "../framework/check.ts";
import { bridged } from "../framework/bridged.ts";
import type { State } from "../framework/stand-in.ts";
import type { Properties } from "../framework/value.ts";
import type { PostgresServer } from "./connection.ts";
import { withRoles } from "./membership.ts";
import { schema } from "./schema.ts";
import { databaseExists, databaseOwner, execute, ident, lockDatabase, lockRole, roleExists, row } from "./sql.ts";
import { afterwards } from "./state.ts";

interface Inputs extends Properties {
  role: string;
  database: string;
  /** Absent for databases. */
  schema: string;
  objectType: ObjectType;
  privileges: readonly string[];
  withGrantOption: boolean;
}
type ObjectType = keyof typeof PRIVILEGES;

/** https://www.postgresql.org/docs/current/sql-grant.html; the provider's other object types are not covered. */
const PRIVILEGES = {
  database: ["CREATE", "CONNECT", "TEMPORARY"],
  schema: ["CREATE", "USAGE"],
  table: ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"],
  sequence: ["USAGE", "SELECT", "UPDATE"],
} as const;
const KINDS = { table: "r", sequence: "S" } as const;

export const grant = bridged<PostgresServer, Inputs, Inputs>(schema, {
  token: "postgresql:index/grant:Grant",
  deleteBeforeReplace: "always",
  check: checkGrant,

  create: async (inputs, { config: server, signal }) => await regrant(server, signal, inputs, inputs),
  update: async (_id, planned, old, { config: server, signal }) => await regrant(server, signal, planned, old),
  read: async (_id, old, { config: server, signal }) => await readGrant(server, signal, old),

  delete: async (_id, old, { config: server, signal }) => {
    await inDatabase(server, signal, old, async (client) => await revoke(client, old));
  },
});

/** Takes all away and gives what is wanted in one transaction, so that nobody sees the role without privileges. */
async function regrant(server: PostgresServer, signal: AbortSignal, wanted: Inputs, old: Inputs): Promise<State> {
  await inDatabase(server, signal, wanted, async (client) => {
    await revoke(client, old);
    if (wanted.privileges.length === 0) return;
    const option = wanted.withGrantOption ? " WITH GRANT OPTION" : "";
    const statement = `GRANT ${words(wanted.privileges)} ON ${objects(wanted)} TO ${ident(wanted.role)}${option}`;
    await execute(client, "could not execute grant query", statement);
  });
  return await afterwards(grantId(wanted), wanted, () => readGrant(server, signal, wanted));
}

/** Privileges are changed by a connection to the database itself, which therefore has to take connections. */
async function inDatabase(
  server: PostgresServer,
  signal: AbortSignal,
  of: Inputs,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  await server.transaction(
    signal,
    async (client) => {
      await lockRole(client, of.role);
      if (of.objectType === "database") await lockDatabase(client, of.database);
      await withRoles(client, await owners(client, of), async () => await work(client));
    },
    { database: of.database },
  );
}

async function revoke(client: Client, of: Inputs): Promise<void> {
  const named = isNamed(of) && of.privileges.length > 0; // spares grants on single columns
  const what = named ? words(of.privileges) : "ALL PRIVILEGES";
  await execute(client, "could not execute revoke query", `REVOKE ${what} ON ${objects(of)} FROM ${ident(of.role)}`);
}

/** Privileges are words of the language and cannot be quoted. */
function words(privileges: readonly string[]): string {
  const stray = privileges.find((each) => !/^[A-Z]+$/.test(each));
  if (stray !== undefined) throw new Error(`${JSON.stringify(stray)} is no privilege`);
  return privileges.join(",");
}

function isNamed(of: Inputs): boolean {
  return Array.isArray(of["objects"]) && of["objects"].length > 0;
}

function objects(of: Inputs): string {
  if (of.objectType === "database") return `DATABASE ${ident(of.database)}`;
  const inSchema = ident(of.schema);
  if (of.objectType === "schema") return `SCHEMA ${inSchema}`;
  const word = of.objectType.toUpperCase();
  if (!isNamed(of)) return `ALL ${word}S IN SCHEMA ${inSchema}`;
  return `${word} ${(of["objects"] as readonly string[]).map((name) => `${inSchema}.${ident(name)}`).join(",")}`;
}

/** Owners of what is granted on: a user that is no superuser has to be one of them. */
async function owners(client: Client, of: Inputs): Promise<string[]> {
  if (of.objectType === "database") return [];
  const { rows } = await client.query<{ owner: string }>(
    `SELECT rolname AS owner FROM pg_namespace JOIN pg_roles ON nspowner = pg_roles.oid WHERE nspname = $1
     UNION SELECT tableowner FROM pg_tables WHERE schemaname = $1 AND $2`,
    [of.schema, of.objectType !== "schema"],
  );
  const found = rows.map(({ owner }) => owner);
  if (!found.includes("pg_database_owner")) return found;
  const owner = await databaseOwner(client, of.database);
  return [...new Set(found.map((each) => (each === "pg_database_owner" ? owner : each)))];
}

async function readGrant(server: PostgresServer, signal: AbortSignal, of: Inputs): Promise<State | undefined> {
  const exists = await server.connected(signal, async (client) => await databaseExists(client, of.database));
  if (!exists) return undefined;
  return await server.transaction(
    signal,
    async (client) => {
      if (of.role !== "public" && !(await roleExists(client, of.role))) return undefined;
      if (of.objectType !== "database") {
        const found = await row(client, "SELECT 1 FROM pg_namespace WHERE nspname = $1", [of.schema]);
        if (found === undefined) return undefined;
      }
      const seen = await differing(client, of);
      const id = grantId(of);
      return { id, outputs: { ...of, id, privileges: seen ?? of.privileges } };
    },
    { database: of.database },
  );
}

/** Privileges that differ from the wanted ones; of several objects, those of the first that has others. */
async function differing(client: Client, of: Inputs): Promise<string[] | undefined> {
  const grantee = of.role === "public" ? "0" : "(SELECT oid FROM pg_roles WHERE rolname = $1)";
  const acl = (from: string, column: string): string => `
    SELECT ARRAY(SELECT privilege_type FROM aclexplode(${column}) WHERE grantee = ${grantee}) AS held, $1::text, ${from}`;
  const { rows } =
    of.objectType === "database"
      ? await client.query<{ held: string[] }>(acl("datname FROM pg_database WHERE datname = $2", "datacl"), [
          of.role,
          of.database,
        ])
      : of.objectType === "schema"
        ? await client.query<{ held: string[] }>(acl("nspname FROM pg_namespace WHERE nspname = $2", "nspacl"), [
            of.role,
            of.schema,
          ])
        : await client.query<{ held: string[] }>(
            acl(
              `relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                WHERE nspname = $2 AND relkind = $3 AND (cardinality($4::text[]) = 0 OR relname = ANY ($4))`,
              "relacl",
            ),
            [of.role, of.schema, KINDS[of.objectType], of["objects"] ?? []],
          );
  return rows.map(({ held }) => held).find((held) => !isWanted(held, of));
}

function isWanted(held: readonly string[], of: Inputs): boolean {
  const same = (a: readonly string[], b: readonly string[]): boolean =>
    a.every((each) => b.includes(each)) && b.every((each) => a.includes(each));
  if (same(held, of.privileges)) return true;
  const all: readonly string[] = PRIVILEGES[of.objectType];
  // MAINTAIN came with PostgreSQL 17: "ALL" is all with or without it.
  return (
    of.privileges.includes("ALL") &&
    (same(held, all) ||
      same(
        held,
        all.filter((each) => each !== "MAINTAIN"),
      ))
  );
}

function grantId(of: Inputs): string {
  const schemaPart = of.objectType === "database" ? [] : [of.schema];
  const named = isNamed(of) ? (of["objects"] as readonly string[]) : [];
  return [of.role, of.database, ...schemaPart, of.objectType, ...named].join("_");
}

function checkGrant(inputs: Properties): Failure[] {
  const type = inputs["objectType"];
  if (typeof type !== "string") return [];
  if (!(type in PRIVILEGES))
    return [
      {
        path: "objectType",
        reason: `expected objectType to be one of ${Object.keys(PRIVILEGES).join(", ")} (the sandbox's plugin), got ${type}`,
      },
    ];
  const failures: Failure[] = [];
  const allowed = new Set<string>(["ALL", ...PRIVILEGES[type as ObjectType]]);
  for (const each of Array.isArray(inputs["privileges"]) ? inputs["privileges"] : [])
    if (typeof each === "string" && !allowed.has(each))
      failures.push({ path: "privileges", reason: `${each} is not an allowed privilege for object type ${type}` });
  if (type !== "database" && inputs["schema"] === undefined)
    failures.push({ path: "schema", reason: "parameter 'schema' is mandatory for postgresql_grant resource" });
  if (inputs["columns"] !== undefined)
    failures.push({ path: "columns", reason: "cannot specify `columns` when `objectType` is not `column`" });
  if ((type === "database" || type === "schema") && Array.isArray(inputs["objects"]) && inputs["objects"].length > 0)
    failures.push({ path: "objects", reason: "cannot specify `objects` when `objectType` is `database` or `schema`" });
  return failures;
}
