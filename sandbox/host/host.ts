import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ensurePackages } from "../debian-packages.ts";
import { withLock } from "../lock.ts";
import type { Progress } from "../progress.ts";
import { run } from "../run.ts";
import { configureHost, provideHostKey } from "./configure.ts";
import { hostFiles, type HostIdentity } from "./host-files.ts";
import {
  bootMachine,
  consoleEnd,
  makeMachineDirectories,
  requireBridge,
  rootOf,
  stopMachine,
  type Machine,
} from "./machine.ts";
import { mountOverlay } from "./overlay.ts";
import { CLIENT_PREFIX, providePostgresqlClient } from "./postgresql-client.ts";
import { untilReady } from "./readiness.ts";
import { requireRoot } from "./require-root.ts";

export { provideHostTree } from "./tree.ts";

export interface HostOptions {
  /** From `provideHostTree`. */
  tree: string;
  /** Container's name, unique on this machine, ending in the host's number: "default-105". */
  machine: string;
  /** State of this host alone: what it writes, its log. Kept over stop and start. */
  directory: string;
  /** Existing bridge that carries the gateway's address. */
  bridge: string;
  address: string;
  /** Bits of the network: 24. */
  prefix: number;
  gateway: string;
  /** Public key line that may log in as root. */
  authorizedKey: string;
  /** As the host reaches it; role and password are those of the host's Odoo. */
  postgres: { host: string; port: number; role: string; password: string };
  domain: string;
  /** Program that becomes /usr/local/bin/cloudflared. */
  connectorBinary?: string;
  /** host:port that cloudflared dials instead of Cloudflare's edge. */
  edge?: string;
  /** Default 60 s. */
  readyWithinMs?: number;
  progress?: Progress;
}

export interface RunningHost {
  address: string;
  /** Public key line: "ssh-ed25519 AAAA...". */
  sshHostKey: string;
  machine: string;
  stop(): Promise<void>;
}

/** The host did not come up; the message carries what it said last. */
export class HostNotReady extends Error {
  constructor(machine: string, said: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`the tenant host ${machine} did not start: ${why}. What it said last:\n${said}`, { cause });
    this.name = "HostNotReady";
  }
}

/**
 * Starts the tenant host and resolves when SSH, PgBouncer and Odoo answer. The container goes on when this process ends;
 * `stopHost` ends it from any process. What a killed run of the same machine left is removed first.
 *
 * Throws RootNeeded, or HostNotReady after `readyWithinMs`; then nothing is left running.
 */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  requireRoot("start the tenant host");
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const machine = machineIn(options.machine, options.directory);
  const progress = options.progress ?? (() => {});
  return await withLock(
    lockOf(machine),
    () => progress("waiting for another start of the same host"),
    async () => {
      await ensurePackages(["systemd-container", "iproute2"], progress);
      await stopMachine(machine);
      makeMachineDirectories(machine);
      const client = await providePostgresqlClient(dirname(options.tree), progress);
      const kept = readKept(machine, options.tree);
      const files = hostFiles(identity(options, kept));
      requireBridge(options.bridge);
      progress("starting");
      const since = Date.now();
      try {
        await mountOverlay(kept.tree, machine.directory);
        await configureHost(rootOf(machine), files, options.connectorBinary);
        const sshHostKey = await provideHostKey(rootOf(machine));
        const booted = await bootMachine(machine, { bridge: options.bridge, readOnly: [[client, CLIENT_PREFIX]] });
        progress("waiting for SSH, PgBouncer and Odoo");
        await untilReady(booted, options.address, options.readyWithinMs ?? 60_000);
        return {
          address: options.address,
          sshHostKey,
          machine: machine.name,
          stop: async () => await stopHost(machine.name, machine.directory),
        };
      } catch (error) {
        const said = await lastLines(machine, since);
        await stopMachine(machine);
        throw new HostNotReady(machine.name, said, error);
      }
    },
  );
}

/** Stops the host, whichever process started it, and leaves its data. Does nothing when it does not run. */
export async function stopHost(name: string, directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  const machine = machineIn(name, directory);
  await withLock(
    lockOf(machine),
    () => {},
    async () => await stopMachine(machine),
  );
}

/** Stops the host and removes its data. */
export async function removeHost(machine: string, directory: string): Promise<void> {
  await stopHost(machine, directory);
  rmSync(directory, { recursive: true, force: true });
}

/** systemctl and systemd-nspawn do not follow links to a root. */
function machineIn(name: string, directory: string): Machine {
  return { name, directory: realpathSync(directory) };
}

const lockOf = (machine: Machine) => join(machine.directory, "host.lock");

/** What a host keeps for life, besides the files it writes. */
interface Kept {
  /** The tree under its files: another one may number users differently. */
  tree: string;
  machineId: string;
  masterPassword: string;
}

function readKept(machine: Machine, tree: string): Kept {
  const file = join(machine.directory, "host.json");
  const found = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Kept) : undefined;
  const kept: Kept = {
    tree: found && existsSync(found.tree) ? found.tree : tree,
    machineId: found?.machineId ?? randomBytes(16).toString("hex"),
    masterPassword: found?.masterPassword ?? randomBytes(24).toString("base64url"),
  };
  writeFileSync(file, JSON.stringify(kept), { mode: 0o600 });
  return kept;
}

function identity(options: HostOptions, kept: Kept): HostIdentity {
  const { domain, address, prefix, gateway, authorizedKey, postgres, edge } = options;
  const hostname = `tenant-host-${options.machine.split("-").at(-1)}`;
  const { machineId, masterPassword } = kept;
  return {
    hostname,
    domain,
    address,
    prefix,
    gateway,
    authorizedKey,
    postgres,
    machineId,
    masterPassword,
    ...(edge ? { edge } : {}),
  };
}

/** The ends of the container's console and of its journal, of this start. */
async function lastLines(machine: Machine, since: number): Promise<string> {
  const journal = join(rootOf(machine), "var/log/journal");
  const from = `--since=@${Math.floor(since / 1000)}`;
  const shown = ["--no-pager", "--quiet", "--lines=40"];
  const lines = await run("journalctl", [`--directory=${journal}`, from, ...shown]).catch(() => "(no journal)");
  return `${consoleEnd(machine, 5)}\n${lines}`;
}
