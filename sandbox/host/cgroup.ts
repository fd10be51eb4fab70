import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

/**
 * On a machine without systemd nobody gives each container a cgroup of its own, and two containers in the same one
 * would mix up their services. These are the hierarchies in which systemd keeps its tree: cgroup v1's named one, the
 * hybrid layout's unified one, and plain v2.
 */
const HIERARCHIES = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"];

/** Files to which a process writes its number to move into the cgroup `name`, which is made where it is missing. */
export function makeCgroup(name: string): string[] {
  const usable = HIERARCHIES.filter((hierarchy) => existsSync(join(hierarchy, "cgroup.procs")));
  return usable.map((hierarchy) => {
    mkdirSync(join(hierarchy, name), { recursive: true });
    return join(hierarchy, name, "cgroup.procs");
  });
}

/** All processes in the cgroup and below. */
export function cgroupProcesses(name: string): number[] {
  const found = HIERARCHIES.flatMap((hierarchy) => subgroups(join(hierarchy, name))).flatMap((directory) => {
    try {
      return readFileSync(join(directory, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
    } catch {
      return [];
    }
  });
  return [...new Set(found)];
}

/** Removes the cgroup and those below it; true when nothing is left. Processes that have only just ended keep them for a moment. */
export function removeCgroup(name: string): boolean {
  for (const directory of HIERARCHIES.flatMap((hierarchy) => subgroups(join(hierarchy, name)))) {
    try {
      rmdirSync(directory);
    } catch {
      // Busy: the caller asks again.
    }
  }
  return HIERARCHIES.every((hierarchy) => !existsSync(join(hierarchy, name)));
}

/** The deepest first. */
function subgroups(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...below.flatMap((entry) => subgroups(join(directory, entry.name))), directory];
}
