import type { Client } from "pg";
import { bridged } from "../framework/bridged.ts";
import { equal, isZero, type Properties, type Value } from "../framework/value.ts";
import type { PostgresServer } from "./connection.ts";
import { withRoles } from "./membership.ts";
import { SWITCHES, VARIABLES } from "./role-attributes.ts";
import { readRole } from "./role-read.ts";
import { schema } from "./schema.ts";
import { execute, ident, literal, lockRole } from "./sql.ts";
import { afterwards } from "./state.ts";

interface Inputs extends Properties {
  name: string;
  connectionLimit: number;
  validUntil: string;
  encryptedPassword: boolean;
}
type Outputs = Inputs & { id: string };

export const role = bridged<PostgresServer, Inputs, Outputs>(schema, {
  token: "postgresql:index/role:Role",
  deleteBeforeReplace: "when-named",
  check: (inputs) => {
    const both = inputs["password"] !== undefined && inputs["passwordWo"] !== undefined;
    const limit = inputs["connectionLimit"];
    return [
      ...(both ? [{ path: "password", reason: '"password": conflicts with passwordWo' }] : []),
      ...(typeof limit === "number" && limit < -1
        ? [{ path: "connectionLimit", reason: `expected connectionLimit to be at least (-1), got ${limit}` }]
        : []),
    ];
  },

  create: async (inputs, { config: server, signal }) => {
    await server.transaction(signal, async (client) => {
      const options = [
        ...passwordOption(inputs, inputs["password"] ?? inputs["passwordWo"]),
        `VALID UNTIL ${validUntil(inputs)}`,
        `CONNECTION LIMIT ${inputs.connectionLimit}`,
        ...SWITCHES.map(([name, on, off]) => (inputs[name] === true ? on : off)),
      ];
      const statement = `CREATE ROLE ${ident(inputs.name)} WITH ${options.join(" ")}`;
      await execute(client, `error creating role ${inputs.name}`, statement);
      await setMembershipsAndVariables(client, inputs, {});
    });
    return await afterwards(inputs.name, inputs, () => readRole(server, signal, inputs.name, inputs));
  },

  read: async (id, old, { config: server, signal }) => await readRole(server, signal, old.id ?? id, old),
  import: async (id, { config: server, signal }) => await readRole(server, signal, id, {}),

  update: async (id, planned, old, { config: server, signal }) => {
    await server.transaction(signal, async (client) => {
      await lockRole(client, old.name);
      await alterRole(client, planned, old);
      // All memberships are taken away, whoever gave them, and those of `roles` given back: as the official provider.
      const { rows } = await client.query<{ name: string }>(
        `SELECT pg_get_userbyid(roleid) AS name FROM pg_auth_members JOIN pg_roles ON member = pg_roles.oid WHERE rolname = $1`,
        [planned.name],
      );
      for (const { name } of rows)
        await execute(
          client,
          `could not revoke role ${name} from ${planned.name}`,
          `REVOKE ${ident(name)} FROM ${ident(planned.name)}`,
        );
      await setMembershipsAndVariables(client, planned, old);
    });
    return await afterwards(id, planned, () => readRole(server, signal, planned.name, planned));
  },

  delete: async (_id, old, { config: server, signal }) => {
    const name = old.name;
    const user = server.connection.role;
    await server.transaction(signal, async (client) => {
      await lockRole(client, name);
      if (old["skipReassignOwned"] !== true)
        await withRoles(client, [name], async () => {
          const failed = `could not reassign owned by role ${name} to ${user}`;
          await execute(client, failed, `REASSIGN OWNED BY ${ident(name)} TO ${ident(user)}`);
          await execute(client, `could not drop owned by role ${name}`, `DROP OWNED BY ${ident(name)}`);
        });
      if (old["skipDropRole"] !== true)
        await execute(client, `could not delete role ${name}`, `DROP ROLE ${ident(name)}`);
    });
  },
});

function passwordOption(inputs: Inputs, password: Value | undefined): string[] {
  if (typeof password !== "string" || password === "") return [];
  if (password.toUpperCase() === "NULL") return ["PASSWORD NULL"];
  return [inputs.encryptedPassword ? "ENCRYPTED" : "UNENCRYPTED", `PASSWORD ${literal(password)}`];
}

function validUntil(inputs: Inputs): string {
  return inputs.validUntil.toLowerCase() === "infinity" ? "'infinity'" : literal(inputs.validUntil);
}

async function alterRole(client: Client, planned: Inputs, old: Outputs): Promise<void> {
  const name = ident(planned.name);
  const alter = async (what: string, rest: string): Promise<void> =>
    await execute(client, `error updating role ${what}`, `ALTER ROLE ${name} ${rest}`);
  if (planned.name !== old.name)
    await execute(client, "error updating role NAME", `ALTER ROLE ${ident(old.name)} RENAME TO ${name}`);
  const writeOnly = planned["passwordWo"];
  const password = writeOnly ?? planned["password"];
  const due =
    writeOnly === undefined
      ? planned["password"] !== old["password"] || planned.name !== old.name
      : planned["passwordWoVersion"] !== old["passwordWoVersion"];
  if (due && typeof password === "string" && password !== "") await alter("password", `PASSWORD ${literal(password)}`);
  for (const [property, on, off] of SWITCHES)
    if (planned[property] !== old[property]) await alter(on, `WITH ${planned[property] === true ? on : off}`);
  if (planned.connectionLimit !== old.connectionLimit)
    await alter("CONNECTION LIMIT", `CONNECTION LIMIT ${planned.connectionLimit}`);
  if (planned.validUntil !== old.validUntil) await alter("VALID UNTIL", `VALID UNTIL ${validUntil(planned)}`);
}

async function setMembershipsAndVariables(client: Client, planned: Inputs, old: Properties): Promise<void> {
  const name = ident(planned.name);
  for (const granted of (planned["roles"] ?? []) as readonly string[])
    await execute(client, `could not grant role ${granted} to ${planned.name}`, `GRANT ${ident(granted)} TO ${name}`);
  const paths = (planned["searchPaths"] ?? []) as readonly string[];
  const split = paths.find((path) => path.includes(", "));
  if (split !== undefined) throw new Error(`search_path cannot contain \`, \`: ${split}`);
  const searchPath = paths.length > 0 ? paths.map(ident).join(", ") : "DEFAULT";
  await execute(
    client,
    `could not set search_path for ${planned.name}`,
    `ALTER ROLE ${name} SET search_path TO ${searchPath}`,
  );
  for (const [property, variable] of VARIABLES) {
    const value = planned[property] ?? null;
    if (equal(value, old[property])) continue;
    const text = typeof value === "number" ? String(value) : ident(typeof value === "string" ? value : "");
    const change = isZero(value) ? `RESET ${variable}` : `SET ${variable} TO ${text}`;
    await execute(client, `could not set ${variable} for ${planned.name}`, `ALTER ROLE ${name} ${change}`);
  }
}
