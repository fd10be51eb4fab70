import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
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
  const root = stateDirectory();
  const directory = join(root, name);
  // Two instances that are made at once must not choose the same network.
  return await withLock(
    join(root, ".instances.lock"),
    () => {},
    async () => {
      const found = findInstance(name);
      const saved: Saved = {
        network: found ? networkNumber(found) : chooseNetwork(root),
        ports: { ...(found?.ports ?? (name === DEFAULT_INSTANCE ? DEFAULT_PORTS : await freePorts())), ...ports },
      };
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeFileSync(join(directory, "instance.json"), `${JSON.stringify(saved, undefined, 2)}\n`, { mode: 0o600 });
      return toInstance(name, directory, saved);
    },
  );
}

interface Saved {
  /** N of 10.214.N.0/24. */
  network: number;
  ports: Ports;
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

/** The first N whose network no instance and no interface of this machine has. */
function chooseNetwork(root: string): number {
  const taken = new Set<number>();
  for (const name of existsSync(root) ? readdirSync(root) : []) {
    const instance = name.startsWith(".") ? undefined : findInstance(name);
    if (instance) taken.add(networkNumber(instance));
  }
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (/^odt\d+$/.test(name)) taken.add(Number(name.slice(3)));
    for (const { address } of addresses ?? [])
      if (address.startsWith("10.214.")) taken.add(Number(address.split(".")[2]));
  }
  for (let n = 0; n < 256; n++) if (!taken.has(n)) return n;
  throw new Error(`all networks 10.214.0.0 to 10.214.255.0 are taken; remove instances from ${root}`);
}

async function freePorts(): Promise<Ports> {
  const servers = await Promise.all(Object.keys(DEFAULT_PORTS).map(async (name) => ({ name, server: await listen() })));
  const ports = servers.map(({ name, server }) => [name, (server.address() as { port: number }).port]);
  await Promise.all(servers.map(({ server }) => new Promise((closed) => server.close(closed))));
  return Object.fromEntries(ports) as Ports;
}

async function listen() {
  const server = createServer();
  await new Promise<void>((listening, failed) => {
    server.once("error", failed).listen(0, "127.0.0.1", listening);
  });
  return server;
}
