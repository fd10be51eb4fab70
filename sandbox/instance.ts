import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { cacheDirectory, stateDirectory } from "./directories.ts";
import { withLock } from "./lock.ts";

/** One running (or stopped) sandbox: where its files are, and which addresses and ports are its own. */
export interface Instance {
  /** "default", or a test's own: "test-1a2b". */
  name: string;
  /** State of this instance; 0700. */
  directory: string;
  /** Shared by all instances. */
  cache: string;
  network: {
    /** Bridge in the machine's root namespace; 15 characters at most. */
    bridge: string;
    /** Of the bridge itself: 10.214.N.1. */
    gateway: string;
    /** Of the tenant host: 10.214.N.105. */
    hostAddress: string;
    prefix: 24;
  };
  ports: Ports;
  /** Tenants live at <subdomain>.<domain>. */
  domain: string;
}

/** All on 127.0.0.1; postgres and tunnelEdge on the gateway's address too. */
export interface Ports {
  api: number;
  edge: number;
  cloudflare: number;
  stripe: number;
  postgres: number;
  tunnelEdge: number;
}

export const DEFAULT_INSTANCE = "default";

const DEFAULT_PORTS: Ports = {
  api: 4443,
  edge: 8080,
  cloudflare: 8081,
  stripe: 8082,
  postgres: 5433,
  tunnelEdge: 7844,
};

/** The instance as an earlier start made it, or undefined. */
export function findInstance(name = DEFAULT_INSTANCE): Instance | undefined {
  const directory = join(stateDirectory(), name);
  const file = join(directory, "instance.json");
  if (!existsSync(file)) return undefined;
  const saved = JSON.parse(readFileSync(file, "utf8")) as Saved;
  return toInstance(name, directory, saved);
}

/**
 * The instance, made if it is new: the default one has well-known ports, others free ones. `ports` replaces single ones,
 * for this and later starts.
 */
export async function openInstance(name = DEFAULT_INSTANCE, ports: Partial<Ports> = {}): Promise<Instance> {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name))
    throw new Error(`instance "${name}": use 1-31 of a-z, 0-9 and -, a letter first`);
  return await alone(async () => {
    const found = findInstance(name);
    return save(name, {
      network: found ? networkNumber(found) : chooseNetwork(),
      ports: {
        ...(found?.ports ?? (name === DEFAULT_INSTANCE ? DEFAULT_PORTS : await freePorts())),
        ...ports,
      },
    });
  });
}

/** Gives an instance another network, because somebody else has the one that was chosen for it. */
export async function moveInstance(name: string): Promise<Instance> {
  return await alone(async () => {
    const instance = findInstance(name);
    if (!instance) throw new Error(`there is no instance "${name}"`);
    return save(name, { network: chooseNetwork(), ports: instance.ports });
  });
}

/** Two instances that are made at once must not choose the same network. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  return await withLock(join(stateDirectory(), ".instances.lock"), () => {}, work);
}

/** For what the engine and its servers need for a moment, so that what killed ones leave goes with the instance; 0700. */
export function temporaryDirectory(instance: Pick<Instance, "directory">): string {
  return join(instance.directory, "tmp");
}

/**
 * Where Node keeps what it has compiled (https://nodejs.org/api/module.html#module-compile-cache), for all instances: it
 * takes half of the time that a server or a plugin needs to start.
 */
export function compileCache(instance: Pick<Instance, "cache">): string {
  return join(instance.cache, "compiled");
}

interface Saved {
  /** N of 10.214.N.0/24. */
  network: number;
  ports: Ports;
}

function save(name: string, saved: Saved): Instance {
  const directory = join(stateDirectory(), name);
  mkdirSync(temporaryDirectory({ directory }), { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, "instance.json"), `${JSON.stringify(saved, undefined, 2)}\n`, { mode: 0o600 });
  return toInstance(name, directory, saved);
}

function toInstance(name: string, directory: string, saved: Saved): Instance {
  const n = saved.network;
  return {
    name,
    directory,
    cache: cacheDirectory(),
    network: { bridge: `odt${n}`, gateway: `10.214.${n}.1`, hostAddress: `10.214.${n}.105`, prefix: 24 },
    ports: saved.ports,
    domain: "odoo.localhost",
  };
}

function networkNumber(instance: Instance): number {
  return Number(instance.network.bridge.slice("odt".length));
}

/** The first N whose network no instance here and no link of this machine has. */
function chooseNetwork(): number {
  const taken = new Set([...linkedNetworks(), ...instancesHere().map(networkNumber)]);
  for (let n = 0; n < 256; n++) if (!taken.has(n)) return n;
  throw new Error(`all networks 10.214.0.0 to 10.214.255.0 are taken; remove instances from ${stateDirectory()}`);
}

/** From the kernel's table of routes: Node lists no link that has nobody connected, such as a bridge without its host. */
function linkedNetworks(): number[] {
  if (!existsSync("/proc/net/route")) return [];
  const routes = readFileSync("/proc/net/route", "utf8").split("\n").slice(1);
  return routesTo10_214(routes.map((line) => line.split("\t")[1] ?? ""));
}

/** N of each 10.214.N.0, from addresses as the table has them: hexadecimal, the first byte last. */
export function routesTo10_214(destinations: readonly string[]): number[] {
  return destinations.filter((hex) => /^[0-9A-F]{4}D60A$/.test(hex)).map((hex) => Number.parseInt(hex.slice(2, 4), 16));
}

/** This state directory's instances, started or not. */
function instancesHere(): Instance[] {
  const root = stateDirectory();
  const names = existsSync(root) ? readdirSync(root).filter((name) => !name.startsWith(".")) : [];
  return names.flatMap((name) => findInstance(name) ?? []);
}

/** Ports that nobody listens on now, and that no instance here has: one that is not started listens on none of its own. */
export async function freePorts(): Promise<Ports> {
  const taken = new Set(instancesHere().flatMap(({ ports }) => Object.values(ports) as number[]));
  const held: Server[] = [];
  const ports: [string, number][] = [];
  try {
    for (const name of Object.keys(DEFAULT_PORTS)) {
      for (;;) {
        const server = await listen();
        held.push(server); // refused ones too, so that they are not offered again
        const { port } = server.address() as { port: number };
        if (taken.has(port)) continue;
        ports.push([name, port]);
        break;
      }
    }
  } finally {
    await Promise.all(held.map((server) => new Promise((closed) => server.close(closed))));
  }
  return Object.fromEntries(ports) as unknown as Ports;
}

async function listen() {
  const server = createServer();
  await new Promise<void>((listening, failed) => {
    server.once("error", failed).listen(0, "127.0.0.1", listening);
  });
  return server;
}
