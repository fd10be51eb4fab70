import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { run } from "../run.ts";
import { cgroupProcesses, makeCgroup, removeCgroup } from "./cgroup.ts";
import { isMounted, unmount } from "./overlay.ts";
import { childrenOf, identify, isAlive, signalProcess, type ProcessIdentity } from "./process-identity.ts";

/** One container: its name, and the directory that holds its root (mounted), its process file and its console. */
export interface Machine {
  name: string;
  directory: string;
}

export interface MachineOptions {
  bridge: string;
  /** Directories of this machine that the container sees, read-only: [outside, inside]. */
  readOnly: readonly (readonly [string, string])[];
}

/** A booted container. */
export interface BootedMachine {
  /** systemd-nspawn itself. */
  supervisor: ProcessIdentity;
  /** The container's PID 1, seen from outside; undefined until it has started. */
  leader(): number | undefined;
}

/** A clean shutdown takes a second or two; services that do not end are killed after 10 (system.conf.d). */
const SHUTDOWN_MS = 20_000;

export const rootOf = (machine: Machine) => join(machine.directory, "root");
export const consoleOf = (machine: Machine) => join(machine.directory, "console.log");
const processFileOf = (machine: Machine) => join(machine.directory, "process.json");
const cgroupOf = (machine: Machine) => `odoo-tenants-${machine.name}`;

/** The link's end outside the container; systemd-nspawn shortens long names, and keeps this one as an alternative. */
const linkOf = (machine: Machine) => `vb-${machine.name}`;

/** Boots the container from its mounted root. It outlives this process, until `stopMachine` from here or elsewhere. */
export async function bootMachine(machine: Machine, options: MachineOptions): Promise<BootedMachine> {
  // Where systemd runs this machine, it gives the container a scope; elsewhere the container keeps to a cgroup made here.
  const cgroups = runBySystemd() ? [] : makeCgroup(cgroupOf(machine));
  const log = openSync(consoleOf(machine), "w", 0o600);
  const child = spawn(
    "bash",
    [
      new URL("./start-machine.sh", import.meta.url).pathname,
      ...cgroups,
      "--",
      `--directory=${rootOf(machine)}`,
      `--machine=${machine.name}`,
      `--network-bridge=${options.bridge}`,
      ..."--boot --quiet --register=no --resolv-conf=off --timezone=off --link-journal=no --console=read-only".split(
        " ",
      ),
      ...(runBySystemd() ? [] : ["--keep-unit"]),
      ...options.readOnly.map(([outside, inside]) => `--bind-ro=${outside}:${inside}`),
    ],
    { cwd: "/", detached: true, stdio: ["ignore", log, log], env: { ...process.env, LC_ALL: "C.UTF-8" } },
  );
  closeSync(log);
  await new Promise<void>((started, failed) => child.once("spawn", started).once("error", failed));
  const supervisor = child.pid === undefined ? undefined : identify(child.pid);
  if (supervisor === undefined)
    throw new Error(`systemd-nspawn ended at once: ${readFileSync(consoleOf(machine), "utf8")}`);
  writeFileSync(processFileOf(machine), JSON.stringify(supervisor), { mode: 0o600 });
  child.unref();
  return { supervisor, leader: () => childrenOf(supervisor.pid)[0] };
}

/** sd_booted(3) */
function runBySystemd(): boolean {
  return existsSync("/run/systemd/system");
}

/** The network is the caller's: it must be there before the container. */
export function requireBridge(bridge: string): void {
  if (existsSync(`/sys/class/net/${bridge}/bridge`)) return;
  throw new Error(`the bridge ${bridge} does not exist: the tenant host's network must be made before the host`);
}

/** The running container of this name, if any. */
export function findMachine(machine: Machine): ProcessIdentity | undefined {
  if (!existsSync(processFileOf(machine))) return undefined;
  try {
    const supervisor = JSON.parse(readFileSync(processFileOf(machine), "utf8")) as ProcessIdentity;
    return isAlive(supervisor) ? supervisor : undefined;
  } catch {
    return undefined; // half written by a start that was killed: its process is found by its cgroup
  }
}

/**
 * Stops the container: a clean shutdown, and after 20 s the hard way. Removes what a run leaves, a killed one too: its
 * processes, link, mount and cgroup. Does nothing when there is nothing.
 */
export async function stopMachine(machine: Machine): Promise<void> {
  const supervisor = findMachine(machine);
  if (supervisor) {
    signalProcess(supervisor, "SIGTERM");
    await becomes(() => !isAlive(supervisor), SHUTDOWN_MS);
    const leader = childrenOf(supervisor.pid)[0];
    if (leader !== undefined) signalProcess(identify(leader) ?? supervisor, "SIGKILL");
    signalProcess(supervisor, "SIGKILL");
  }
  const killed = await becomes(() => {
    const left = cgroupProcesses(cgroupOf(machine))
      .map(identify)
      .filter((each) => each !== undefined);
    for (const each of left) signalProcess(each, "SIGKILL");
    return left.length === 0;
  }, 10_000);
  if (!killed)
    throw new Error(`processes of ${machine.name} cannot be ended: ${cgroupProcesses(cgroupOf(machine)).join(", ")}`);
  // Both are gone with the container as a rule.
  if (runBySystemd()) await run("systemctl", ["stop", "--quiet", `${machine.name}.scope`]).catch(() => {});
  await run("ip", ["link", "delete", "dev", linkOf(machine)]).catch(() => {});
  if (isMounted(rootOf(machine))) await unmount(rootOf(machine));
  rmSync(join("/run/systemd/nspawn/propagate", machine.name), { recursive: true, force: true });
  rmSync(processFileOf(machine), { force: true });
  if (!(await becomes(() => removeCgroup(cgroupOf(machine)), 5_000)))
    throw new Error(`the cgroup ${cgroupOf(machine)} is still in use`);
}

/** Whether the condition comes true within the time. */
async function becomes(condition: () => boolean, withinMs: number): Promise<boolean> {
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; await setTimeout(25))
    if (condition()) return true;
  return condition();
}

/** Makes the machine's directories. */
export function makeMachineDirectories(machine: Machine): void {
  mkdirSync(machine.directory, { recursive: true, mode: 0o700 });
  for (const name of ["upper", "work", "root"])
    mkdirSync(join(machine.directory, name), { recursive: true, mode: 0o755 });
}

/** The last lines of the container's console, without their colours: its boot, and what systemd-nspawn says itself. */
export function consoleEnd(machine: Machine, count: number): string {
  if (!existsSync(consoleOf(machine))) return "";
  return stripVTControlCharacters(readFileSync(consoleOf(machine), "utf8"))
    .trimEnd()
    .split("\n")
    .slice(-count)
    .join("\n");
}
