import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fillOnce } from "../cache.ts";
import { ensurePackages } from "../debian-packages.ts";
import type { Progress } from "../progress.ts";
import { run } from "../run.ts";

/** Where a tenant host finds the bundle. */
export const CLIENT_PREFIX = "/opt/postgresql-client";

const SCRIPT = new URL("./bundle-postgresql-client.sh", import.meta.url);

/**
 * This machine's pg_dump, pg_restore and psql, kept in this directory of the cache in a form that runs in the tenant host: pg_dump refuses
 * servers newer than itself, and Debian 11's is older than the server.
 */
export async function providePostgresqlClient(directory: string, progress: Progress): Promise<string> {
  let bin = newestClient();
  if (bin === undefined) {
    await ensurePackages(["postgresql-client"], progress);
    bin = newestClient();
  }
  if (bin === undefined) throw new Error("no pg_dump under /usr/lib/postgresql: install the package postgresql-client");
  const source = bin;
  const recipe = [await run(join(source, "pg_dump"), ["--version"]), process.arch, readFileSync(SCRIPT, "utf8")].join(
    "\n",
  );
  const key = createHash("sha256").update(recipe).digest("hex").slice(0, 12);
  return await fillOnce(join(directory, `postgresql-client-${key}`), progress, async (unfinished) => {
    await run("bash", [SCRIPT.pathname, source, unfinished, CLIENT_PREFIX]);
  });
}

/** Directory of the newest pg_dump that Debian's packages installed. */
function newestClient(root = "/usr/lib/postgresql"): string | undefined {
  const versions = existsSync(root) ? readdirSync(root) : [];
  const bins = versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(root, version, "bin"));
  return bins.find((bin) => existsSync(join(bin, "pg_dump")));
}
