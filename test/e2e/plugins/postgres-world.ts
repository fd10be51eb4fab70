import assert from "node:assert/strict";
import pg from "pg";
import type { Properties } from "../../../sandbox/plugins/framework/value.ts";
import type { ResourceStandIn } from "../../../sandbox/plugins/framework/stand-in.ts";
import { connectionFrom, PostgresServer } from "../../../sandbox/plugins/postgresql/connection.ts";
import { startPostgres } from "../../postgres.ts";
import { directCall } from "../../unit/plugins/direct-call.ts";

export interface Made {
  id: string;
  inputs: Properties;
  outputs: Properties;
}
type Resource = ResourceStandIn<PostgresServer>;

/** A server of its own, and stand-ins at work on it as the engine would use them. */
export class PostgresWorld {
  readonly port: number;
  readonly stop: () => Promise<void>;
  /** A superuser. */
  readonly root: PostgresServer;
  /** No superuser, as a managed database's administrator: CREATEROLE and CREATEDB only. */
  readonly admin: PostgresServer;

  private constructor(port: number, stop: () => Promise<void>) {
    this.port = port;
    this.stop = stop;
    this.root = this.server({ username: "postgres" });
    this.admin = this.server({ username: "administrator", superuser: false });
  }

  static async start(): Promise<PostgresWorld> {
    const { port, stop } = await startPostgres();
    const world = new PostgresWorld(port, stop);
    await world.sql("CREATE ROLE administrator LOGIN CREATEROLE CREATEDB");
    return world;
  }

  server(config: Properties): PostgresServer {
    return new PostgresServer(
      connectionFrom({ host: "127.0.0.1", port: this.port, sslmode: "disable", ...config }, {}),
    );
  }

  client(as: { user?: string; database?: string; password?: string } = {}): pg.Client {
    const { user = "postgres", database = "postgres", password = "" } = as;
    return new pg.Client({ host: "127.0.0.1", port: this.port, user, database, password });
  }

  async sql(
    text: string,
    as: { user?: string; database?: string; password?: string } = {},
  ): Promise<Record<string, unknown>[]> {
    const client = this.client(as);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Check and create; what was made then is what was wished for. */
  async make(resource: Resource, given: Properties, by = this.root): Promise<Made> {
    const { inputs, failures } = resource.check(given, { name: "res", oldInputs: {} });
    assert.deepEqual(failures, []);
    const made = await resource.create(given, directCall(by));
    assert.deepEqual([...resource.diff({ ...made, inputs }, inputs).changes.keys()], []);
    return { ...made, inputs: given };
  }

  async update(resource: Resource, made: Made, inputs: Properties, by = this.root): Promise<Made> {
    const outputs = await resource.update(made, inputs, directCall(by));
    assert.deepEqual([...resource.diff({ id: made.id, inputs, outputs }, inputs).changes.keys()], []);
    return { id: made.id, inputs, outputs };
  }

  async refresh(resource: Resource, made: Made, by = this.root): Promise<Made | undefined> {
    return await resource.read(made.id, made, directCall(by));
  }

  async drop(resource: Resource, made: Made, by = this.root): Promise<void> {
    await resource.delete(made, directCall(by));
  }
}
