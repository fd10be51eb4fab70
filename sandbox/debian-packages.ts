import { existsSync, readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { withLock } from "./lock.ts";
import type { Progress } from "./progress.ts";
import { run } from "./run.ts";

/** Debian packages are missing and cannot be installed from here. */
export class MissingPackages extends Error {
  constructor(packages: readonly string[], why: string) {
    super(
      `${packages.join(", ")} ${packages.length === 1 ? "is" : "are"} missing and ${why}. Install by hand: apt-get install ${packages.join(" ")}`,
    );
    this.name = "MissingPackages";
  }
}

/** Which of these packages are not installed. All of them where there is no dpkg. */
export async function missingPackages(packages: readonly string[]): Promise<string[]> {
  const listed = await run("dpkg-query", ["--show", "--showformat=${Package} ${db:Status-Status}\n"]).catch(() => "");
  const installed = new Set(
    listed
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return packages.filter((name) => !installed.has(name));
}

/**
 * Installs the missing ones of these Debian packages. Several parts of the sandbox ask for packages side by side, and
 * apt refuses to run twice at once: hence the lock here, and apt's own waiting for whoever else holds its lock.
 */
export async function ensurePackages(packages: readonly string[], progress: Progress): Promise<void> {
  if ((await missingPackages(packages)).length === 0) return;
  await withLock(
    "/var/lock/odoo-tenants-apt.lock",
    () => progress("waiting for apt"),
    async () => {
      const missing = await missingPackages(packages);
      if (missing.length === 0) return;
      if (userInfo().uid !== 0) throw new MissingPackages(missing, "only root can install them");
      if (!existsSync("/usr/bin/apt-get")) throw new MissingPackages(missing, "this system has no apt-get");
      const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
      const apt = async (...args: string[]) => {
        await run("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", ...args], { env });
      };
      const install = ["install", "--yes", "--no-install-recommends", ...missing];
      progress(`installing ${missing.join(", ")}`);
      if (hasPackageLists()) {
        try {
          return await apt(...install);
        } catch {
          // The lists may name versions that the archive no longer has: once more with fresh ones.
        }
      }
      progress("updating the package lists");
      await apt("update");
      progress(`installing ${missing.join(", ")}`);
      await apt(...install);
    },
  );
}

function hasPackageLists(): boolean {
  return (
    existsSync("/var/lib/apt/lists") && readdirSync("/var/lib/apt/lists").some((name) => name.includes("_Packages"))
  );
}
