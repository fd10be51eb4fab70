import type { ProviderStandIn } from "../framework/stand-in.ts";
import { connectionFrom, PostgresServer } from "./connection.ts";
import { database } from "./database.ts";
import { grant } from "./grant.ts";
import { grantRole } from "./grant-role.ts";
import { role } from "./role.ts";
import { schema } from "./schema.ts";

/** Stands in for the PostgreSQL provider. Nobody is connected before the first operation. */
export const postgresqlProvider: ProviderStandIn<PostgresServer> = {
  schema,
  checkConfig: () => [],
  configure: (config) => new PostgresServer(connectionFrom(config, process.env)),
  resources: [role, database, grant, grantRole],
  functions: [],
};
