import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fillOnce } from "../cache.ts";
import { tryLock } from "../lock.ts";
import { ensurePackages } from "../debian-packages.ts";
import type { Progress } from "../progress.ts";
import { run } from "../run.ts";
import { buildProgress } from "./build-progress.ts";
import { debianMirrors } from "./debian-mirror.ts";
import { requireRoot } from "./require-root.ts";

/** The release that carries odoo-14. */
const SUITE = "bullseye";

const PACKAGES =
  "odoo-14 openssh-server systemd systemd-sysv dbus sudo pgbouncer postgresql-client iproute2 ca-certificates curl jq";

const SCRIPT = new URL("./build-tree.sh", import.meta.url);

/** What the machine needs to build a tree. */
const MACHINE_PACKAGES = ["debootstrap", "debian-archive-keyring", "wget"];

/** Where the tree of this recipe is, or will be: another recipe gets another tree. */
export function treePath(cache: string): string {
  const recipe = JSON.stringify([SUITE, PACKAGES, process.arch, readFileSync(SCRIPT, "utf8")]);
  return join(cache, "host", `tree-${createHash("sha256").update(recipe).digest("hex").slice(0, 12)}`);
}

/**
 * The tenant host's base tree in the cache, built when it is not there (about 75 s and 1.4 GB). Two starts at once build
 * once. Downloaded packages stay in the cache, so that an interrupted build does not download them again.
 *
 * Needs root, and installs debootstrap when it is missing.
 */
export async function provideHostTree(cache: string, progress: Progress): Promise<string> {
  requireRoot("build and start the tenant host");
  await ensurePackages(MACHINE_PACKAGES, progress);
  const debs = join(cache, "host", "debs");
  return await fillOnce(treePath(cache), progress, async (unfinished) => {
    mkdirSync(debs, { recursive: true });
    removeAbandoned(join(cache, "host"), basename(unfinished));
    // In namespaces of its own, and killed with this process: an interrupted build leaves no process and no mount.
    const contained = "--pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL --mount-proc bash".split(" ");
    let last: string | undefined;
    await run("setpriv", [...contained, SCRIPT.pathname, unfinished, debs, SUITE, ...PACKAGES.split(" ")], {
      input: `${debianMirrors().join("\n")}\n`,
      onLine: (line) => {
        const doing = buildProgress(line);
        if (doing !== undefined && doing !== last) progress(doing);
        last = doing ?? last;
      },
    });
    if (!existsSync(join(unfinished, "usr/bin/odoo"))) throw new Error("the tenant host's tree was built without Odoo");
  });
}

/** Removes what interrupted builds of other recipes left; they are not gone on with, and large. */
function removeAbandoned(directory: string, own: string): void {
  for (const name of readdirSync(directory)) {
    if (!/^tree-.*\.unfinished$/.test(name) || name === own) continue;
    const lock = tryLock(join(directory, name.replace(/unfinished$/, "lock")));
    if (lock) rmSync(join(directory, name), { recursive: true, force: true });
    lock?.release();
  }
}
