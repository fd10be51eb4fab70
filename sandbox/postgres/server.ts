import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import type { Instance } from "../instance.ts";
import { startProcess, type RunningProcess } from "../process.ts";
import type { Progress } from "../progress.ts";
import { run } from "../run.ts";
import { provideBinaries, type Binaries } from "./binaries.ts";
import { clientAuthentication, postgresPaths, serverSettings } from "./configuration.ts";
import { closedTo } from "./reach.ts";
import { serverUser, type ServerUser } from "./user.ts";

export const SUPERUSER = "postgres";

/** Checksums find damaged pages; C.UTF-8 exists everywhere and sorts alike on all machines. */
const INITDB = "--auth scram-sha-256 --data-checksums --encoding UTF8 --locale C.UTF-8".split(" ");

const ANSWERS_WITHIN_MS = 60_000;

export interface PostgresServer {
  process: RunningProcess;
  /** "15.18" */
  version: string;
}

/**
 * Starts the instance's PostgreSQL and waits until it answers. The first start makes the data directory, in which the
 * superuser gets `password`. `listen` are the addresses it is reached at.
 *
 * It stops fast: clients are disconnected, transactions under way are rolled back.
 */
export async function startPostgres(
  instance: Instance,
  options: { password: string; listen: readonly string[] },
  progress: Progress,
): Promise<PostgresServer> {
  const paths = postgresPaths(instance);
  const user = await serverUser(paths.data);
  const binaries = await provideBinaries(instance.cache, user, progress);
  prepareDirectories(instance, user);
  if (!existsSync(paths.data)) await initialise(paths, binaries, user, options.password, progress);
  writeFileSync(join(paths.data, "postgresql.conf"), serverSettings(instance, options.listen));
  writeFileSync(join(paths.data, "pg_hba.conf"), clientAuthentication(instance));

  progress(`starting ${binaries.version}`);
  const server = startProcess({
    name: "PostgreSQL",
    command: join(binaries.directory, "postgres"),
    args: ["-D", paths.data],
    log: paths.log,
    cwd: paths.directory,
    user,
    stopSignal: "SIGINT", // "fast shutdown": https://www.postgresql.org/docs/current/server-shutdown.html
  });
  await answering(instance, options.password, server);
  return { process: server, version: binaries.version };
}

/** PostgreSQL's user must get through the instance's directory, and nobody else. */
function prepareDirectories(instance: Instance, user: ServerUser): void {
  const { directory, socket, log } = postgresPaths(instance);
  mkdirSync(join(log, ".."), { recursive: true, mode: 0o700 });
  for (const each of [directory, socket]) {
    mkdirSync(each, { recursive: true, mode: 0o700 });
    chownSync(each, user.uid, user.gid);
  }
  if (user.uid === userInfo().uid) return;
  const closed = closedTo(user, dirname(instance.directory), { read: false });
  if (closed !== undefined) {
    throw new Error(
      `PostgreSQL's user (${user.uid}) may not enter ${closed}: set ODOO_TENANTS_STATE to a directory that it can reach`,
    );
  }
  chownSync(instance.directory, userInfo().uid, user.gid);
  chmodSync(instance.directory, 0o710);
}

async function initialise(
  paths: ReturnType<typeof postgresPaths>,
  binaries: Binaries,
  user: ServerUser,
  password: string,
  progress: Progress,
): Promise<void> {
  progress(`making the data directory of ${binaries.version}`);
  const unfinished = `${paths.data}.unfinished`;
  const passwordFile = join(paths.directory, "password");
  rmSync(unfinished, { recursive: true, force: true });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  chownSync(passwordFile, user.uid, user.gid);
  try {
    await run(
      join(binaries.directory, "initdb"),
      ["--pgdata", unfinished, "--username", SUPERUSER, "--pwfile", passwordFile, ...INITDB],
      { cwd: paths.directory, user },
    );
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(unfinished, paths.data);
}

async function answering(instance: Instance, password: string, server: RunningProcess): Promise<void> {
  const deadline = Date.now() + ANSWERS_WITHIN_MS;
  for (;;) {
    const client = new pg.Client({ ...superuser(instance, password), connectionTimeoutMillis: 2_000 });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      await client.end().catch(() => {});
      if (server.ended) throw new Error(`PostgreSQL ended at once: ${server.lastLines(5)}`, { cause: error });
      if (Date.now() > deadline)
        throw new Error(`PostgreSQL does not answer: ${server.lastLines(5)}`, { cause: error });
    }
    await setTimeout(50);
  }
}

/** How to connect as the superuser. */
export function superuser(instance: Instance, password: string): pg.ClientConfig {
  return { host: "127.0.0.1", port: instance.ports.postgres, user: SUPERUSER, password, database: "postgres" };
}
