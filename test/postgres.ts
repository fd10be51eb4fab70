import { chmod, chown, mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { bootCluster, type Identity, makeCluster } from "./postgres-cluster.ts";

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
 * durability. Removed after the test; dies with the test's process. Most tests need only a database: database.ts.
 */
export async function startPostgres(t?: Pick<TestContext, "after">): Promise<TestPostgres> {
  const identity = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}; // PostgreSQL refuses to run as root
  const directory = await ownDirectory(identity);
  const data = join(directory, "data");
  await makeCluster(data, identity);
  const port = await freePort();
  let halt = await bootCluster(data, port, identity);
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
      halt = await bootCluster(data, port, identity);
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
