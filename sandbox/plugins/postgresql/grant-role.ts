import type { Client } from "pg";
import { bridged } from "../framework/bridged.ts";
import type { State } from "../framework/stand-in.ts";
import type { Properties } from "../framework/value.ts";
import type { PostgresServer } from "./connection.ts";
import { schema } from "./schema.ts";
import { execute, ident, row } from "./sql.ts";
import { afterwards } from "./state.ts";

interface Inputs extends Properties {
  /** The member. */
  role: string;
  grantRole: string;
  withAdminOption: boolean;
}

function id(of: Inputs): string {
  return [of.role, of.grantRole, of.withAdminOption].join("_");
}

async function revoke(client: Client, of: Inputs): Promise<void> {
  const statement = `REVOKE ${ident(of.grantRole)} FROM ${ident(of.role)}`;
  await execute(client, "could not execute revoke query", statement);
}

async function readMembership(server: PostgresServer, signal: AbortSignal, of: Inputs): Promise<State | undefined> {
  return await server.connected(signal, async (client) => {
    const found = await row<Inputs>(
      client,
      `SELECT pg_get_userbyid(member) AS role, pg_get_userbyid(roleid) AS "grantRole", admin_option AS "withAdminOption"
         FROM pg_auth_members WHERE pg_get_userbyid(member) = $1 AND pg_get_userbyid(roleid) = $2`,
      [of.role, of.grantRole],
    );
    return found && { id: id(found), outputs: { ...found, id: id(found) } };
  });
}

export const grantRole = bridged<PostgresServer, Inputs, Inputs>(schema, {
  token: "postgresql:index/grantRole:GrantRole",
  create: async (inputs, { config: server, signal }) => {
    await server.transaction(signal, async (client) => {
      await revoke(client, inputs); // an older grant may have other options
      const option = inputs.withAdminOption ? " WITH ADMIN OPTION" : "";
      const statement = `GRANT ${ident(inputs.grantRole)} TO ${ident(inputs.role)}${option}`;
      await execute(client, "could not execute grant query", statement);
    });
    return await afterwards(id(inputs), inputs, () => readMembership(server, signal, inputs));
  },
  read: async (_id, old, { config: server, signal }) => await readMembership(server, signal, old),
  delete: async (_id, old, { config: server, signal }) => {
    await server.transaction(signal, async (client) => await revoke(client, old));
  },
});
