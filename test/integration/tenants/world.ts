import { before } from "node:test";
import { CloudflareBudget } from "../../../automation/cloudflare/budget.ts";
import type { Database } from "../../../automation/db/database.ts";
import { Listener } from "../../../automation/db/listener.ts";
import type {
  Deployment,
  Engine,
  EngineResult,
  Fence,
  ProgramRun,
  StackRun,
} from "../../../automation/engine/engine.ts";
import type { Queue } from "../../../automation/queue/queue.ts";
import type { Clouds } from "../../../automation/tenants/clouds.ts";
import { DatabaseTenants } from "../../../automation/tenants/database-tenants.ts";
import { DatabaseTunnels } from "../../../automation/tunnels/database-tunnels.ts";
import type { Findings } from "../../../automation/tenants/findings.ts";
import type { ReconcileIO } from "../../../automation/tenants/run.ts";
import type { NewTenant } from "../../../automation/tenants/tenants.ts";
import type { TenantSettings } from "../../../components/settings/tenant-settings.ts";
import type { TunnelSettings } from "../../../components/settings/tunnel-settings.ts";
import { examplePlatform } from "../../components/example-platform.ts";
import { afterFile, openDatabase } from "../../database.ts";

export const BY = { name: "user:test" } as const;
export const PLATFORM = examplePlatform();

export const noResult: EngineResult = { changes: {}, resources: [], diagnostics: [], outputs: {}, timings: {} };

const RESULT: EngineResult = { changes: { create: 1 }, resources: [], diagnostics: [], outputs: {}, timings: {} };

/** An engine whose stacks are entries of the clouds, so that claims and proofs of absence see what it did. */
export class FakeEngine implements Engine {
  readonly parallelism = 2;
  readonly calls: string[] = [];
  readonly fences = new Map<string, number>();
  readonly states = new Map<string, Deployment>();
  readonly runs: ProgramRun[] = [];
  readonly previews: ProgramRun[] = [];
  /** Called in the middle of each run, with its kind. */
  during: (kind: "up" | "destroy", run: StackRun) => Promise<void> = async () => {};
  readonly clouds: FakeClouds;

  constructor(clouds: FakeClouds) {
    this.clouds = clouds;
  }

  async raiseFence({ subject, token }: Fence): Promise<void> {
    this.fences.set(subject, token);
  }

  async createStack(stack: string): Promise<void> {
    this.calls.push(`create ${name(stack)}`);
  }

  async removeEmptyStack(stack: string): Promise<void> {
    this.calls.push(`remove ${name(stack)}`);
  }

  async up(run: ProgramRun): Promise<EngineResult> {
    this.calls.push(`up ${name(run.stack)}`);
    this.runs.push(run);
    await this.during("up", run);
    run.signal?.throwIfAborted();
    const settings = run.program[1] as TenantSettings | TunnelSettings;
    const ofTunnel = "label" in settings;
    const label = ofTunnel ? settings.label : settings.subdomain;
    this.clouds.found.set(name(run.stack), ofTunnel ? wayInOf(label) : everythingOf(label));
    const outputs = { tunnelId: `t-${label}`, url: `https://${label}.example`, directUrl: "h:8069" };
    return { ...RESULT, outputs };
  }

  async preview(run: ProgramRun): Promise<EngineResult> {
    this.previews.push(run);
    return RESULT;
  }

  async destroy(run: StackRun): Promise<EngineResult> {
    this.calls.push(`destroy ${name(run.stack)}`);
    await this.during("destroy", run);
    run.signal?.throwIfAborted();
    this.clouds.found.delete(name(run.stack));
    return { ...RESULT, changes: { delete: 1 } };
  }

  async exportState(stack: string): Promise<Deployment | undefined> {
    this.calls.push(`export ${name(stack)}`);
    return this.states.get(name(stack));
  }

  async importState(stack: string, state: Deployment): Promise<void> {
    this.calls.push(`import ${name(stack)}`);
    this.states.set(name(stack), state);
  }

  async unlock(stack: string): Promise<void> {
    this.calls.push(`unlock ${name(stack)}`);
  }

  async close(): Promise<void> {}
}

function name(stack: string): string {
  return stack.split("/").at(-1) ?? stack;
}

export function wayInOf(label: string): Findings {
  return { tunnel: { id: `t-${label}`, ours: true }, record: { id: `r-${label}`, ours: true, is: "CNAME" } };
}

export function everythingOf(subdomain: string): Findings {
  return {
    ...wayInOf(subdomain),
    role: { ours: true },
    database: { owner: "odoo_h105", mark: "ours" },
  };
}

export class FakeClouds implements Clouds {
  readonly found = new Map<string, Findings>();
  looks = 0;

  async look({ subdomain }: { subdomain: string }): Promise<Findings> {
    this.looks += 1;
    return this.found.get(subdomain) ?? {};
  }

  async lookForTunnel({ label }: { label: string }): Promise<Findings> {
    this.looks += 1;
    return this.found.get(`tunnel.${label}`) ?? {};
  }

  async finishDrop(subdomain: string): Promise<void> {
    const { database: _database, ...rest } = this.found.get(subdomain) ?? {};
    this.found.set(subdomain, rest);
  }

  readonly connected = new Set<string>();
  async connectors(): Promise<readonly string[]> {
    return [...this.connected];
  }

  async disconnect(_tunnelId: string, connector: string): Promise<void> {
    this.connected.delete(connector);
  }

  paidBy(): this {
    return this;
  }

  async close(): Promise<void> {}
}

export interface World {
  db: Database;
  tenants: DatabaseTenants;
  engine: FakeEngine;
  clouds: FakeClouds;
  /** Tenants queued, in order, each with its priority. */
  queued: [number, number | undefined][];
  tunnels: DatabaseTunnels;
  /** The same for containers' own tunnels. */
  queuedTunnels: [number, number | undefined][];
  /** A worker's view; each has a name of its own. */
  worker: (name?: string, changes?: Partial<ReconcileIO>) => ReconcileIO;
  /** A requested tenant with a subdomain of its own; returns its id. */
  tenant: (input?: Partial<NewTenant>) => Promise<{ id: number; subdomain: string }>;
}

/** A database for all tests of a file; every test makes tenants of its own. */
export function useWorld(): () => World {
  let world: World;
  before(async () => {
    const db = await openDatabase();
    const listener = new Listener(db.url);
    afterFile(() => listener.close());
    const queued: World["queued"] = [];
    const queuedTunnels: World["queued"] = [];
    const queue = {
      enqueueReconcile: async (_tx: unknown, id: number, priority?: number) => void queued.push([id, priority]),
      enqueueTunnel: async (_tx: unknown, id: number, priority?: number) => void queuedTunnels.push([id, priority]),
      enqueuePreview: async () => {},
    };
    const tenants = new DatabaseTenants({
      db,
      queue: queue as unknown as Queue,
      listener,
      platform: async () => PLATFORM,
    });
    const cloudflare = new CloudflareBudget(db, { calls: 100_000, windowSeconds: 300 });
    const tunnels = new DatabaseTunnels({ db, queue: queue as unknown as Queue, platform: async () => PLATFORM });
    const clouds = new FakeClouds();
    const engine = new FakeEngine(clouds);
    let count = 0;
    world = {
      db,
      tenants,
      tunnels,
      queuedTunnels,
      engine,
      clouds,
      queued,
      worker: (worker = "here:1:a", changes = {}) => ({
        db,
        engine,
        platform: async () => ({ settings: PLATFORM, clouds }),
        platformStack: "organization/odoosaas/prod",
        probe: async () => undefined,
        cloudflare,
        perHost: 1_000,
        worker,
        now: () => new Date(),
        log: { info: () => {}, error: () => {} },
        ...changes,
      }),
      tenant: async (input = {}) => {
        const subdomain = `t${(count += 1)}-${Math.random().toString(36).slice(2, 8)}`;
        const { tenant } = await tenants.request(
          { subdomain, planType: "starter", customerEmail: "a@example.com", ...input },
          BY,
        );
        return tenant;
      },
    };
  });
  return () => world;
}

/** The engine's next run fails like that in its middle. */
export async function failOnce(engine: FakeEngine, error: Error): Promise<void> {
  engine.during = async () => {
    engine.during = async () => {};
    throw error;
  };
}

/** What the engine says of a lock that a process of that host has made. */
export function leftLock(host: string, at = new Date()): string {
  return `the stack is currently locked by 1 lock(s).\n  x: created by root@${host} (pid 999999) at ${at.toISOString()}`;
}
