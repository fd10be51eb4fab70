import { createHash } from "node:crypto";
import type { Client } from "pg";
import type { State } from "../framework/stand-in.ts";
import type { Properties, Value } from "../framework/value.ts";
import type { PostgresServer } from "./connection.ts";
import { isSuperuser } from "./membership.ts";
import { VARIABLES } from "./role-attributes.ts";
import { row } from "./sql.ts";

interface RoleRow extends Record<string, unknown> {
  name: string;
  config: string[] | null;
  roles: string[];
}

/** A role as it is now. The state's password is kept where the server tells nobody what it is. */
export async function readRole(
  server: PostgresServer,
  signal: AbortSignal,
  id: string,
  kept: Properties,
): Promise<State | undefined> {
  return await server.connected(signal, async (client) => {
    const found = await row<RoleRow>(
      client,
      `SELECT rolname AS name, rolconnlimit AS "connectionLimit", rolsuper AS superuser, rolinherit AS inherit,
              rolcreaterole AS "createRole", rolcreatedb AS "createDatabase", rolcanlogin AS login,
              rolreplication AS replication, rolbypassrls AS "bypassRowLevelSecurity",
              COALESCE(rolvaliduntil::text, 'infinity') AS "validUntil", rolconfig AS config,
              ARRAY(SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = pg_roles.oid) AS roles
         FROM pg_roles WHERE rolname = $1`,
      [id],
    );
    if (found === undefined) return undefined;
    const { config, roles, ...attributes } = found;
    const outputs: Record<string, Value> = {
      ...(attributes as Properties),
      id: attributes.name,
      encryptedPassword: true,
      skipDropRole: kept["skipDropRole"] === true,
      skipReassignOwned: kept["skipReassignOwned"] === true,
      ...(roles.length > 0 && { roles }),
      ...sessionVariables(config ?? []),
    };
    if (kept["passwordWoVersion"] !== undefined) outputs["passwordWoVersion"] = kept["passwordWoVersion"];
    const { password } = kept;
    if (typeof password === "string" && password !== "")
      outputs["password"] = await readPassword(client, server, id, password, found["login"] === true);
    return { id: attributes.name, outputs };
  });
}

function sessionVariables(config: readonly string[]): Properties {
  const found: Record<string, Value> = {};
  for (const entry of config) {
    const [variable = "", ...rest] = entry.split("=");
    const value = rest.join("=");
    if (variable === "search_path")
      found["searchPaths"] = value.split(", ").map((path) => path.replaceAll(/^"|"$/g, ""));
    const property = VARIABLES.find(([, name]) => name === variable)?.[0];
    if (property !== undefined) found[property] = property === "assumeRole" ? value : Number.parseInt(value, 10);
  }
  return found;
}

/** The password of the state, unless the server proves that it has another (which only md5 hashes can). */
async function readPassword(
  client: Client,
  server: PostgresServer,
  name: string,
  known: string,
  login: boolean,
): Promise<string> {
  if (!login || !server.connection.superuser) return known;
  if (!(await isSuperuser(client, server.connection.role)))
    throw new Error(
      `could not read role password from Postgres as connected user ${server.connection.role} is not a SUPERUSER. ` +
        "You can set `superuser = false` in the provider configuration so it will not try to read the password from Postgres",
    );
  const found = await row<{ hash: string }>(
    client,
    "SELECT COALESCE(passwd, '') AS hash FROM pg_shadow WHERE usename = $1",
    [name],
  );
  const hash = found?.hash ?? "";
  if (/^(md5|SCRAM-SHA-256)/.test(known)) return hash;
  if (hash.startsWith("SCRAM-SHA-256")) return known;
  return hash ===
    `md5${createHash("md5")
      .update(known + name)
      .digest("hex")}`
    ? known
    : hash;
}
