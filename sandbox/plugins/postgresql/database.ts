import type { Client } from "pg";
import { bridged } from "../framework/bridged.ts";
import type { State } from "../framework/stand-in.ts";
import type { Properties, Value } from "../framework/value.ts";
import type { PostgresServer } from "./connection.ts";
import { grantMembership, revokeMembership } from "./membership.ts";
import { schema } from "./schema.ts";
import { databaseOwner, execute, ident, literal, lockRole, row, serverVersion } from "./sql.ts";
import { afterwards } from "./state.ts";

interface Inputs extends Properties {
  name: string;
  connectionLimit: number;
  allowConnections: boolean;
  alterObjectOwnership: boolean;
}
type Outputs = Inputs & { id: string };

export const database = bridged<PostgresServer, Inputs, Outputs>(schema, {
  token: "postgresql:index/database:Database",
  deleteBeforeReplace: "when-named",

  create: async (inputs, { config: server, signal }) => {
    await asOwner(server, signal, inputs["owner"], async (client) => {
      await execute(
        client,
        `error creating database "${inputs.name}"`,
        createStatement(inputs, server.connection.role),
      );
    });
    return await afterwards(inputs.name, inputs, () => readDatabase(server, signal, inputs.name, inputs));
  },

  read: async (id, old, { config: server, signal }) => await readDatabase(server, signal, old.id ?? id, old),
  import: async (id, { config: server, signal }) => await readDatabase(server, signal, id, {}),

  update: async (id, planned, old, { config: server, signal }) => {
    await server.connected(signal, async (client) => await rename(client, planned, old));
    const newOwner = planned["owner"] !== old["owner"];
    if ((newOwner || planned.alterObjectOwnership !== old.alterObjectOwnership) && planned.alterObjectOwnership)
      await reassignContents(server, signal, planned);
    if (newOwner && typeof planned["owner"] === "string") {
      const statement = `ALTER DATABASE ${ident(planned.name)} OWNER TO ${ident(planned["owner"])}`;
      await asOwner(server, signal, planned["owner"], async (client) => {
        await execute(client, "error updating database OWNER", statement);
      });
    }
    await server.connected(signal, async (client) => await alterDatabase(client, planned, old));
    return await afterwards(id, planned, () => readDatabase(server, signal, planned.name, planned));
  },

  delete: async (_id, old, { config: server, signal }) => {
    const name = ident(old.name);
    await asOwner(server, signal, old["owner"], async (client) => {
      if (old["isTemplate"] === true)
        await execute(
          client,
          "error updating database IS_TEMPLATE during DROP DATABASE",
          `ALTER DATABASE ${name} IS_TEMPLATE false`,
        );
      await execute(client, "error blocking connections to database", `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
      await execute(
        client,
        "error terminating database connections",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
        [old.name],
      );
      const force = (await serverVersion(client)) >= 13 ? " WITH ( FORCE )" : "";
      await execute(client, "error dropping database", `DROP DATABASE ${name}${force}`);
    });
  },
});

/**
 * Works as a member of the owner, and under a lock on the connected role, so that two operations that give and take
 * the same membership do not meet. CREATE and DROP DATABASE allow no transaction: the lock has one of its own.
 */
async function asOwner(
  server: PostgresServer,
  signal: AbortSignal,
  owner: Value | undefined,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  const user = server.connection.role;
  if (typeof owner !== "string" || owner === "") return await server.connected(signal, work);
  await server.transaction(signal, async (lock) => {
    await lockRole(lock, user);
    await server.connected(
      signal,
      async (client) => {
        const granted = await grantMembership(client, owner, user);
        try {
          await work(client);
        } finally {
          if (granted) await revokeMembership(client, owner, user);
        }
      },
      { alongside: true },
    );
  });
}

function createStatement(inputs: Inputs, user: string): string {
  const given = (name: string): string | undefined => {
    const value = inputs[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const option = (word: string, name: string, quote: (text: string) => string, otherwise?: string): string => {
    const value = given(name);
    if (value === undefined) return otherwise === undefined ? "" : ` ${word} ${otherwise}`;
    return ` ${word} ${value.toUpperCase() === "DEFAULT" ? "DEFAULT" : quote(value)}`;
  };
  return [
    `CREATE DATABASE ${ident(inputs.name)} OWNER ${ident(given("owner") ?? user)}`,
    option("TEMPLATE", "template", ident, "template0"),
    option("ENCODING", "encoding", literal, "'UTF8'"),
    option("LC_COLLATE", "lcCollate", literal),
    option("LC_CTYPE", "lcCtype", literal),
    option("TABLESPACE", "tablespaceName", ident),
    ` ALLOW_CONNECTIONS ${inputs.allowConnections}`,
    ` CONNECTION LIMIT ${inputs.connectionLimit}`,
    ` IS_TEMPLATE ${inputs["isTemplate"] === true}`,
  ].join("");
}

async function rename(client: Client, planned: Inputs, old: Outputs): Promise<void> {
  if (planned.name === old.name) return;
  await execute(
    client,
    "error updating database name",
    `ALTER DATABASE ${ident(old.name)} RENAME TO ${ident(planned.name)}`,
  );
}

/** Everything that the old owner has inside goes to the new one; also other databases of the old owner (REASSIGN OWNED). */
async function reassignContents(server: PostgresServer, signal: AbortSignal, planned: Inputs): Promise<void> {
  const user = server.connection.role;
  const newOwner = planned["owner"];
  if (typeof newOwner !== "string" || newOwner === "") return;
  await server.transaction(
    signal,
    async (client) => {
      await lockRole(client, user);
      const oldOwner = await databaseOwner(client, planned.name);
      if (oldOwner === newOwner) return;
      const granted = await grantMembership(client, oldOwner, user);
      const statement = `REASSIGN OWNED BY ${ident(oldOwner)} TO ${ident(newOwner)}`;
      await execute(client, `error reassigning objects owned by '${oldOwner}'`, statement);
      if (granted) await revokeMembership(client, oldOwner, user);
    },
    { database: planned.name },
  );
}

async function alterDatabase(client: Client, planned: Inputs, old: Outputs): Promise<void> {
  const alter = async (what: string, rest: string): Promise<void> =>
    await execute(client, `error updating database ${what}`, `ALTER DATABASE ${ident(planned.name)} ${rest}`);
  const tablespace = planned["tablespaceName"];
  if (tablespace !== old["tablespaceName"])
    await alter(
      "TABLESPACE",
      typeof tablespace === "string" && tablespace.toUpperCase() !== "DEFAULT"
        ? `SET TABLESPACE ${ident(tablespace)}`
        : "RESET TABLESPACE",
    );
  if (planned.connectionLimit !== old.connectionLimit)
    await alter("CONNECTION LIMIT", `CONNECTION LIMIT = ${planned.connectionLimit}`);
  if (planned.allowConnections !== old.allowConnections)
    await alter("ALLOW_CONNECTIONS", `ALLOW_CONNECTIONS ${planned.allowConnections}`);
  if ((planned["isTemplate"] === true) !== (old["isTemplate"] === true))
    await alter("IS_TEMPLATE", `IS_TEMPLATE ${planned["isTemplate"] === true}`);
}

async function readDatabase(
  server: PostgresServer,
  signal: AbortSignal,
  id: string,
  kept: Properties,
): Promise<State | undefined> {
  return await server.connected(signal, async (client) => {
    const found = await row<Properties & { name: string }>(
      client,
      `SELECT datname AS name, pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding,
              datcollate AS "lcCollate", datctype AS "lcCtype", spcname AS "tablespaceName",
              datconnlimit AS "connectionLimit", datallowconn AS "allowConnections", datistemplate AS "isTemplate"
         FROM pg_database JOIN pg_tablespace ON dattablespace = pg_tablespace.oid WHERE datname = $1`,
      [id],
    );
    if (found === undefined) return undefined;
    const template = typeof kept["template"] === "string" && kept["template"] !== "" ? kept["template"] : "template0";
    const outputs = { ...found, template, alterObjectOwnership: kept["alterObjectOwnership"] === true };
    return { id: found.name, outputs: { ...outputs, id: found.name } };
  });
}
