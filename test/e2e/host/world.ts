import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import pg from "pg";
import { newSshKeyPair } from "../../../components/host/ssh-key-pair.ts";
import {
  startHost,
  provideHostTree,
  removeHost,
  type HostOptions,
  type RunningHost,
} from "../../../sandbox/host/host.ts";
import { openInstance, type Instance } from "../../../sandbox/instance.ts";
import { ensureDatabases } from "../../../sandbox/postgres/databases.ts";
import { startPostgres, superuser } from "../../../sandbox/postgres/server.ts";
import { run } from "../../../sandbox/run.ts";
import { undoAfter } from "../../undo.ts";
import { connectSsh, type Ssh } from "./ssh.ts";

export const HOST_ROLE = { name: "odoo_h105", password: "host's own, 'quoted' \"twice\"" };

/** A network, a PostgreSQL server and the settings of a tenant host on them, removed after the test. */
export interface HostWorld {
  options: HostOptions;
  /** Of the test's own key. */
  privateKey: string;
  /** A session of the superuser's, ended after the test. */
  connect(database: string): Promise<pg.Client>;
  /** As the superuser. */
  sql(database: string, text: string): Promise<pg.QueryResult>;
  start(): Promise<RunningHost>;
  ssh(host: RunningHost, user?: string): Promise<Ssh>;
}

export async function makeHostWorld(t: TestContext): Promise<HostWorld> {
  const state = mkdtempSync(join(tmpdir(), "odoosaas-host-"));
  undoAfter(t, () => rmSync(state, { recursive: true, force: true }));
  chmodSync(state, 0o711); // PostgreSQL runs as another user
  process.env["ODOO_TENANTS_STATE"] = state;
  const instance = await withOwnNetwork(await openInstance(`t${process.pid}`));
  const { bridge, gateway, hostAddress, prefix } = instance.network;
  const progress = (doing: string) => t.diagnostic(doing);

  undoAfter(t, async () => void (await run("ip", ["link", "delete", "dev", bridge])));
  await run("ip", ["link", "add", "name", bridge, "type", "bridge"]);
  await run("ip", ["address", "add", `${gateway}/${prefix}`, "dev", bridge]);
  await run("ip", ["link", "set", "dev", bridge, "up"]);

  const connect = superuser(instance, "superuser");
  const server = await startPostgres(instance, { password: "superuser", listen: ["127.0.0.1", gateway] }, progress);
  undoAfter(t, async () => await server.process.stop());
  const password = HOST_ROLE.password;
  await ensureDatabases(connect, {
    odoosaas: password,
    pulumi: password,
    platform_admin: password,
    odoo_h105: password,
  });

  const key = newSshKeyPair("test");
  const options: HostOptions = {
    tree: await provideHostTree(instance.cache, progress),
    machine: `${instance.name}-105`,
    directory: join(instance.directory, "host"),
    bridge,
    address: hostAddress,
    prefix,
    gateway,
    authorizedKey: key.publicKey,
    postgres: { host: gateway, port: instance.ports.postgres, role: HOST_ROLE.name, password },
    domain: instance.domain,
    edge: `${gateway}:${instance.ports.tunnelEdge}`,
    progress,
  };
  undoAfter(t, async () => await removeHost(options.machine, options.directory));
  const connectTo = async (database: string) => {
    const client = new pg.Client({ ...connect, database });
    await client.connect();
    return client;
  };
  return {
    options,
    privateKey: key.privateKey,
    async connect(database) {
      const client = await connectTo(database);
      undoAfter(t, async () => await client.end());
      return client;
    },
    async sql(database, text) {
      const client = await connectTo(database);
      try {
        return await client.query(text);
      } finally {
        await client.end();
      }
    },
    start: async () => await startHost(options),
    async ssh(host, user = "root") {
      const ssh = await connectSsh({
        address: host.address,
        hostKey: host.sshHostKey,
        privateKey: key.privateKey,
        user,
      });
      undoAfter(t, () => ssh.end());
      return ssh;
    },
  };
}

/** Instances take the first free network, which may be a stopped one's: tests keep away from those. */
async function withOwnNetwork(instance: Instance): Promise<Instance> {
  const taken = await run("ip", ["-oneline", "address"]);
  const free = Array.from({ length: 100 }, (_, offset) => 100 + ((process.pid + offset) % 100));
  const n = free.find((each) => !taken.includes(` 10.214.${each}.`));
  if (n === undefined) throw new Error("the networks 10.214.100.0 to 10.214.199.0 are all taken");
  const network = { bridge: `odt${n}`, gateway: `10.214.${n}.1`, hostAddress: `10.214.${n}.105`, prefix: 24 } as const;
  return { ...instance, network };
}
