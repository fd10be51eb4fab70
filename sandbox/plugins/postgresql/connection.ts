import { readFileSync } from "node:fs";
import pg, { type Client, type ClientConfig } from "pg";
import { isObject, type Properties, type Value } from "../framework/value.ts";

/** How to reach the server, from the provider's configuration and the PG* environment. */
export interface Connection {
  client: ClientConfig;
  /** Role inside the server; differs from the user that logs in where user name maps are used. */
  role: string;
  /** Whether the user may read password hashes. */
  superuser: boolean;
  maintenanceDatabase: string;
  /** 0: without limit. */
  maxConnections: number;
}

export function connectionFrom(config: Properties, env: NodeJS.ProcessEnv): Connection {
  const text = (name: string, variable?: string): string | undefined => {
    const given = config[name] ?? (variable === undefined ? undefined : env[variable]);
    return given === undefined || given === null || given === "" || typeof given === "object"
      ? undefined
      : String(given);
  };
  const refused = ["awsRdsIamAuth", "azureIdentityAuth"].find((name) => config[name] === true);
  if (refused !== undefined || (text("scheme") ?? "postgres") !== "postgres")
    throw new Error("the sandbox's postgresql plugin covers the scheme postgres with a password only");
  const host = text("host", "PGHOST");
  const user = text("username", "PGUSER") ?? "postgres";
  const client: ClientConfig = {
    user,
    port: Number(text("port", "PGPORT") ?? 5_432),
    password: text("password", "PGPASSWORD") ?? "",
    ssl: sslOptions(text("sslmode", "PGSSLMODE") ?? text("sslMode") ?? "", config),
    connectionTimeoutMillis: Number(text("connectTimeout", "PGCONNECT_TIMEOUT") ?? 180) * 1_000,
    fallback_application_name: "Terraform provider", // the official provider's, for whoever looks into pg_stat_activity
  };
  return {
    client: host === undefined ? client : { ...client, host },
    role: text("databaseUsername") ?? user,
    superuser: (text("superuser", "PGSUPERUSER") ?? "true") !== "false",
    maintenanceDatabase: text("database", "PGDATABASE") ?? "postgres",
    maxConnections: Number(text("maxConnections") ?? 20),
  };
}

/** As the official provider's driver (lib/pq) takes sslmode: require when unset, and never a silent fallback. */
function sslOptions(mode: string, config: Properties): ClientConfig["ssl"] {
  if (mode === "disable") return false;
  if (!["", "require", "verify-ca", "verify-full"].includes(mode))
    throw new Error(
      `unsupported sslmode "${mode}"; only "require" (default), "verify-full", "verify-ca", and "disable" supported`,
    );
  const root = config["sslrootcert"];
  const ca = typeof root === "string" && root !== "" ? readFileSync(root, "utf8") : undefined;
  const verified = mode.startsWith("verify") || ca !== undefined; // "require" with a root certificate means verify-ca
  return {
    rejectUnauthorized: verified,
    ...(ca !== undefined && { ca }),
    ...(mode !== "verify-full" && { checkServerIdentity: () => undefined }),
    ...clientCertificate(config["clientcert"]),
  };
}

function clientCertificate(of: Value | undefined): { cert?: string; key?: string } {
  if (!isObject(of)) return {};
  const read = (value: Value | undefined): string =>
    typeof value !== "string" || of["sslinline"] === true ? (value as string) : readFileSync(value, "utf8");
  return { cert: read(of["cert"]), key: read(of["key"]) };
}

interface ConnectOptions {
  /** Default: the provider's. */
  database?: string;
  /** The caller holds a connection already; waiting for a second one could be forever. */
  alongside?: boolean;
}

/** A server as one provider configuration sees it. Every operation has connections of its own and leaves none. */
export class PostgresServer {
  readonly connection: Connection;
  #open = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** An aborted signal cancels the running statement. */
  async connected<T>(
    signal: AbortSignal,
    work: (client: Client) => Promise<T>,
    options: ConnectOptions = {},
  ): Promise<T> {
    await this.#admission(options.alongside === true);
    const settings = { ...this.connection.client, database: options.database ?? this.connection.maintenanceDatabase };
    const client = new pg.Client(settings);
    client.on("error", () => {}); // reported by the statement it breaks
    const stop = (): void => void this.#cancel(client);
    try {
      signal.throwIfAborted();
      await client.connect().catch((error: unknown) => {
        throw new Error(
          `error connecting to PostgreSQL server ${settings.host ?? ""}: pq: ${(error as Error).message}`,
          {
            cause: error,
          },
        );
      });
      signal.addEventListener("abort", stop);
      signal.throwIfAborted();
      return await work(client);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      await client.end().catch(() => {});
      this.#open--;
      this.#waiting.shift()?.();
    }
  }

  /** All of it or nothing. */
  async transaction<T>(
    signal: AbortSignal,
    work: (client: Client) => Promise<T>,
    options: ConnectOptions = {},
  ): Promise<T> {
    return await this.connected(
      signal,
      async (client) => {
        await client.query("BEGIN");
        try {
          const result = await work(client);
          await client.query("COMMIT");
          return result;
        } catch (error) {
          await client.query("ROLLBACK").catch(() => {});
          throw error;
        }
      },
      options,
    );
  }

  async #admission(atOnce: boolean): Promise<void> {
    const { maxConnections } = this.connection;
    while (!atOnce && maxConnections > 0 && this.#open >= maxConnections)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#open++;
  }

  async #cancel(client: Client): Promise<void> {
    const { processID } = client as Client & { processID?: number };
    const helper = new pg.Client({ ...this.connection.client, database: this.connection.maintenanceDatabase });
    helper.on("error", () => {});
    try {
      await helper.connect();
      await helper.query("SELECT pg_cancel_backend($1)", [processID]);
    } catch {
      await client.end().catch(() => {}); // then the connection's end has to do
    } finally {
      await helper.end().catch(() => {});
    }
  }
}
