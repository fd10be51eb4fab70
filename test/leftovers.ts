import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** Set in the environment of all that a run starts, and inherited by what that starts. */
const MARK = "ODOO_TENANTS_TEST_RUN";

/** What Node compiled, for the run's other processes: it halves what their start takes. Node's own name for it. */
const COMPILE_CACHE = "node-compile-cache";

/** What the name of all begins with that is made once for the servers of a run (postgres-cluster.ts). */
const CLUSTER = "cluster";

/** Where postgres.ts keeps servers' data, under names that begin with the temporary folder's. */
const MEMORY = "/dev/shm";

/** What tests may leave on the machine. What was there before is not theirs. */
export class Leftovers {
  readonly #mark: string;
  /** Where the run's temporary files go, so that nobody else's are taken for them. */
  readonly #temporary: string;
  readonly #outer = { TMPDIR: process.env["TMPDIR"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] };
  /** What the machine shows besides processes; not looked at for suites that start no host. */
  readonly #seen: () => string[];
  readonly #before: ReadonlySet<string>;

  private constructor(mark: string, temporary: string, look: () => string[]) {
    this.#mark = mark;
    this.#temporary = temporary;
    this.#seen = look;
    this.#before = new Set(look());
  }

  /**
   * Marks the processes to come, gives them a temporary folder of their own and, `withHost`, remembers the machine's
   * links, namespaces and mounts.
   */
  static watch(withHost: boolean): Leftovers {
    const mark = `${process.pid}-${Date.now()}`;
    const temporary = mkdtempSync(join(tmpdir(), "tests-"));
    chmodSync(temporary, 0o755); // PostgreSQL and other users' servers have their folders in it
    process.env[MARK] = mark;
    const leftovers = new Leftovers(mark, temporary, withHost ? seen : () => []);
    process.env["TMPDIR"] = temporary;
    process.env["NODE_COMPILE_CACHE"] ??= join(temporary, COMPILE_CACHE);
    process.env["ODOO_TENANTS_TEST_CLUSTER"] = join(temporary, CLUSTER);
    return leftovers;
  }

  /** One line for each thing that is still there after `withinMs`. */
  async remaining(withinMs: number): Promise<string[]> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const processes = this.#processes().map((pid) => `process ${pid}: ${commandLine(pid)}`);
      const files = [
        ...list(this.#temporary).filter((name) => name !== COMPILE_CACHE && !name.startsWith(CLUSTER)),
        ...this.#inMemory(),
      ];
      const left = [
        ...processes,
        ...files.map((name) => `temporary file ${name}`),
        ...this.#seen().filter((line) => !this.#before.has(line)),
      ];
      if (left.length === 0 || Date.now() > deadline) return left;
      await setTimeout(200);
    }
  }

  /** Ends what was started, so that the next run does not stumble over it, and removes its temporary files. */
  async remove(): Promise<void> {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      for (const pid of this.#processes()) process.kill(pid, signal);
      for (let tries = 0; tries < 50 && this.#processes().length > 0; tries += 1) await setTimeout(200);
    }
    for (const name of this.#inMemory()) rmSync(join(MEMORY, name), { recursive: true, force: true });
    rmSync(this.#temporary, { recursive: true, force: true });
    for (const [name, value] of Object.entries(this.#outer)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }

  #inMemory(): string[] {
    return list(MEMORY).filter((name) => name.startsWith(basename(this.#temporary)));
  }

  #processes(): number[] {
    return list("/proc")
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(`${MARK}=${this.#mark}`))
      .map(Number);
  }
}

/**
 * Names tell whose they are: see the sandbox's instances for bridges, systemd-nspawn(1) for links. The instance
 * `default` is a person's, who may start it beside the tests.
 */
function seen(): string[] {
  return [
    ...list("/sys/class/net")
      .filter(
        (link) => /^(odt|ve-|vb-)/.test(link) && ![link, ...bridged(link)].some((name) => /^v[eb]-default-/.test(name)),
      )
      .map((link) => `network link ${link}`),
    ...list("/run/netns").map((name) => `network namespace ${name}`),
    ...read("/proc/self/mounts")
      .split("\n")
      .map((line) => line.split(" "))
      .filter(([, target = "", type]) => type === "overlay" && !target.includes("/default/"))
      .map(([, target]) => `overlay mount ${target}`),
  ];
}

/** Links on a bridge. */
function bridged(link: string): string[] {
  return list(`/sys/class/net/${link}/brif`);
}

function commandLine(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").slice(0, 200).trim();
}

/** Empty on other systems, and for processes that end or belong to others. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
