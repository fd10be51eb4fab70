import { type Db, type JobWithMetadata, PgBoss, type QueueOptions, type WorkOptions } from "pg-boss";
import { type Database, POOL_PATIENCE, QUERY_MS, type Queryable, type Transaction } from "../db/database.ts";
import type { DueRow } from "../tenants/due.ts";
import { findFlag, setFlag } from "./flags.ts";
import { type DeadLetter, Priority, type Queue, type QueueDepth } from "./queue.ts";

/** Passed on to its pool: a database's machine that is gone must not hold all its connections (db/database.ts). */
const SILENCE = { ...POOL_PATIENCE, query_timeout: QUERY_MS };

const QUEUES = ["reconcile", "stripe-event", "preview"] as const;
const DEAD = "dead-letter";

/** For places that another process frees: nobody tells of those. */
const POLLING = { pollingIntervalSeconds: 2, notifyPollingIntervalSeconds: 2 };
/** A worker that has nothing to do asks for jobs every two seconds. */
const ASKED_WITHIN_MS = 30_000;

export interface BossQueueOptions {
  db: Database;
  /** Shown in the registry of instances. */
  name: string;
  /** Looks after jobs whose worker died; at least one process of a platform must. Default true. */
  supervise?: boolean;
  onError?: (error: Error) => void;
}

export interface Handlers {
  /** `priority`: the job's, for one that has to be queued again. */
  reconcile: (tenantId: number, priority: number) => Promise<void>;
  /** Of a container's own tunnel. */
  tunnel: (standaloneTunnelId: number, priority: number) => Promise<void>;
  stripeEvent: (eventId: string, signal: AbortSignal) => Promise<void>;
  preview: (operationId: number, signal: AbortSignal) => Promise<void>;
}

export interface WorkLimits {
  /** Reconciles of this process at once. More than engine slots: one tenant is proven while the next is updated. */
  reconciles: number;
  /**
   * Reconciles for one host that are handed out at once, over all processes. More may be when several workers ask at the
   * same moment: it spares them jobs for which there is no place, and what is strict is theirs (tenants/host-places.ts).
   */
  perHost: number;
  stripeEvents: number;
}

/** The queue in PostgreSQL. A job is a hint to look at a row: it holds an id and nothing that could be out of date. */
export class BossQueue implements Queue {
  readonly #boss: PgBoss;
  readonly #db: Database;
  /** When this process began to take jobs. */
  #worksSince: number | undefined;
  #stopping = false;

  private constructor(boss: PgBoss, db: Database) {
    this.#boss = boss;
    this.#db = db;
  }

  static async start({ db, name, supervise = true, onError = () => {} }: BossQueueOptions): Promise<BossQueue> {
    const boss = new PgBoss({
      ...SILENCE,
      connectionString: db.url,
      application_name: "odoosaas-queue",
      max: 6,
      instanceName: name,
      useListenNotify: true,
      supervise,
      schedule: false,
      openTelemetry: { enabled: false }, // a job is a hint; traces go on from the rows it names (telemetry/)
      // A worker that died is noticed within its heartbeat and this.
      superviseIntervalSeconds: 5,
      monitorIntervalSeconds: 5,
    });
    boss.on("error", onError);
    await boss.start();
    const queue = new BossQueue(boss, db);
    await queue.#create();
    return queue;
  }

  async #create(): Promise<void> {
    await this.#boss.createQueue(DEAD, { retentionSeconds: 90 * 86_400 });
    // Jobs whose worker is killed or frozen are noticed within their heartbeat, not only at their end.
    const common = {
      notify: true,
      heartbeatSeconds: 15,
      deadLetter: DEAD,
      deleteAfterSeconds: 3_600,
      retryBackoff: true,
      retryDelay: 1,
      retryDelayMax: 300,
    };
    // Its own failures are the row's business (retry_at); the job's retries are for workers and databases that die.
    await this.#provide("reconcile", { ...common, retryLimit: 20, expireInSeconds: 7_200 });
    await this.#provide("stripe-event", { ...common, retryLimit: 15, expireInSeconds: 300 });
    await this.#provide("preview", { ...common, retryLimit: 2, expireInSeconds: 900 });
  }

  async #provide(name: (typeof QUEUES)[number], options: QueueOptions & { deadLetter: string }): Promise<void> {
    await this.#boss.createQueue(name, { ...options, policy: "stately" });
    await this.#boss.updateQueue(name, options); // one that is there already keeps its options otherwise
  }

  async enqueueReconcile(tx: Queryable, tenantId: number, priority: number = Priority.change): Promise<void> {
    await this.#enqueue(tx, { tenantId }, await groupOf(tx, GROUP_OF_TENANT, tenantId), priority);
  }

  async enqueueTunnel(tx: Queryable, tunnelId: number, priority: number = Priority.change): Promise<void> {
    await this.#enqueue(tx, { tunnelId }, await groupOf(tx, GROUP_OF_TUNNEL, tunnelId), priority);
  }

  async #enqueue(tx: Queryable, data: ReconcileJob, group: JobGroup, priority: number): Promise<void> {
    const db = asDb(tx);
    const singletonKey = keyOf(data);
    const id = await this.#boss.send("reconcile", data, { db, singletonKey, priority, ...group });
    if (id !== null || priority === Priority.background) return;
    // One waits already. It will read the row as it is then; only its place in the queue may have to change.
    const [waiting] = await this.#boss.findJobs("reconcile", { db, key: singletonKey, queued: true, limit: 1 });
    if (waiting !== undefined && waiting.priority < priority)
      await this.#boss.update("reconcile", undefined, { db, id: waiting.id, priority });
  }

  /** Queues those that do not wait already, in one statement. */
  async enqueueDue({
    tenants,
    tunnels,
  }: {
    readonly tenants: readonly DueRow[];
    readonly tunnels: readonly DueRow[];
  }): Promise<void> {
    const job = (data: ReconcileJob, { containerId, awaited, interrupted }: DueRow) => ({
      data,
      singletonKey: keyOf(data),
      priority: awaited || interrupted ? Priority.customer : Priority.background,
      group: { id: `host-${containerId}` },
    });
    const jobs = [
      ...tenants.map((due) => job({ tenantId: due.id }, due)),
      ...tunnels.map((due) => job({ tunnelId: due.id }, due)),
    ];
    if (jobs.length > 0) await this.#boss.insert("reconcile", jobs);
  }

  async enqueuePreview(tx: Transaction, operationId: number): Promise<void> {
    await this.#boss.send(
      "preview",
      { operationId },
      { db: asDb(tx), singletonKey: String(operationId), priority: Priority.customer },
    );
  }

  async enqueueStripeEvent(tx: Transaction, eventId: string): Promise<void> {
    await this.#boss.send("stripe-event", { eventId }, { db: asDb(tx), singletonKey: eventId });
  }

  async stripeEventsAtWork(): Promise<readonly string[]> {
    return (await this.#db.query<{ id: string }>(EVENTS_AT_WORK)).rows.map(({ id }) => id);
  }

  /**
   * Throws unless the queue can do its work from here: its schema is there and, in a process that takes jobs, every
   * worker has a job or has asked for one within `askedWithinMs`.
   */
  async check(askedWithinMs = ASKED_WITHIN_MS): Promise<void> {
    if (this.#stopping) throw new Error("the queue is stopping");
    if (!(await this.#boss.isInstalled())) throw new Error("the queue's schema is not there");
    const since = this.#worksSince;
    if (since === undefined) return;
    const workers = this.#boss.getWipData();
    if (workers.length === 0) throw new Error("no worker asks for jobs");
    const silent = workers.filter(
      ({ count, lastFetchedOn }) => count === 0 && Date.now() - (lastFetchedOn ?? since) > askedWithinMs,
    );
    if (silent.length > 0) throw new Error(`${silent.length} of ${workers.length} workers do not ask for jobs`);
  }

  /** Hands out jobs from now on. */
  async work(handlers: Handlers, limits: WorkLimits): Promise<void> {
    this.#worksSince = Date.now();
    const reconcile = async ({ data, priority }: JobWithMetadata<ReconcileJob>): Promise<void> => {
      if (await this.isPaused()) return; // the sweep queues what is due when the pause ends
      if ("tunnelId" in data) await handlers.tunnel(data.tunnelId, priority);
      else await handlers.reconcile(data.tenantId, priority);
    };
    const heartbeat = { heartbeatRefreshSeconds: 5 };
    await this.#workers("reconcile", limits.reconciles, { ...heartbeat, groupConcurrency: limits.perHost }, reconcile);
    await this.#workers<{ eventId: string }>("stripe-event", limits.stripeEvents, heartbeat, ({ data, signal }) =>
      handlers.stripeEvent(data.eventId, signal),
    );
    await this.#workers<{ operationId: number }>("preview", 1, heartbeat, ({ data, signal }) =>
      handlers.preview(data.operationId, signal),
    );
  }

  /**
   * A worker of pg-boss rests after a job until it is notified or its interval is over, whatever else waits: so each is
   * told to go on, and asks again once the job is settled. One job's end makes room for one: the others need not ask,
   * all at the same moment. (Workers are told by their ids, hence one `work` for each.)
   */
  async #workers<Data>(
    queue: string,
    count: number,
    options: WorkOptions,
    handle: (job: JobWithMetadata<Data>) => Promise<void>,
  ): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      let id = "";
      const one = async ([job]: JobWithMetadata<Data>[]): Promise<void> => {
        try {
          if (job !== undefined) await handle(job);
        } finally {
          this.#boss.notifyWorker(id);
        }
      };
      const all = { ...options, ...POLLING, includeMetadata: true } as const;
      id = await this.#boss.work<Data, void, typeof all>(queue, all, one);
    }
  }

  async pauseAll(tx: Transaction, paused: boolean, seconds?: number): Promise<void> {
    await setFlag(tx, "reconciles.paused", paused, seconds);
  }

  async isPaused(): Promise<boolean> {
    return (await this.pause()) !== undefined;
  }

  async pause(): Promise<{ endsAt: Date | null } | undefined> {
    return findFlag(this.#db, "reconciles.paused");
  }

  async depth(): Promise<QueueDepth> {
    const { rows } = await this.#db.query<{ [K in keyof QueueDepth]: number }>(DEPTH, [QUEUES, DEAD]);
    return rows[0] ?? { waiting: 0, deferred: 0, active: 0, dead: 0 };
  }

  async deadLetters(limit = 100): Promise<readonly DeadLetter[]> {
    const jobs = await this.#boss.findJobs<Record<string, unknown>>(DEAD, { queued: true, limit });
    return jobs.map((job) => ({
      id: job.id,
      queue: (job.sourceName ?? "reconcile") as DeadLetter["queue"],
      data: job.data,
      failedAt: job.createdOn,
      error: messageOf(job.sourceOutput),
    }));
  }

  async revive(tx: Transaction, id: string): Promise<boolean> {
    if (!UUID.test(id)) return false; // PostgreSQL would refuse to compare it with one
    return (await this.#boss.redrive(DEAD, { ids: [id], db: asDb(tx) })) > 0;
  }

  /** Takes no more jobs, and resolves when the running ones have ended, or `drainMs` are over. */
  async stop(drainMs: number): Promise<void> {
    this.#stopping = true;
    await this.#boss.stop({ graceful: true, timeout: Math.max(1_000, drainMs) });
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whose stack is to be run; a tunnel's is a container's own. */
type ReconcileJob = { readonly tenantId: number } | { readonly tunnelId: number };
type JobGroup = { readonly group?: { readonly id: string } };

function keyOf(job: ReconcileJob): string {
  return "tunnelId" in job ? `tunnel-${job.tunnelId}` : String(job.tenantId);
}

const GROUP_OF_TENANT = `select container_id as "containerId" from tenant_deployments where id = $1`;
const GROUP_OF_TUNNEL = `select container_id as "containerId" from standalone_tunnels where id = $1`;

async function groupOf(db: Queryable, text: string, id: number): Promise<JobGroup> {
  const { rows } = await db.query<{ containerId: number }>(text, [id]);
  return rows[0] === undefined ? {} : { group: { id: `host-${rows[0].containerId}` } };
}

const DEPTH = `
  select count(*) filter (where name = any($1) and state < 'active' and start_after <= now())::int as waiting,
    count(*) filter (where name = any($1) and state < 'active' and start_after > now())::int as deferred,
    count(*) filter (where name = any($1) and state = 'active')::int as active,
    count(*) filter (where name = $2 and state < 'active')::int as dead
  from pgboss.job where state <= 'active'`;

const EVENTS_AT_WORK = `
  select singleton_key as id from pgboss.job where name = 'stripe-event' and state <= 'active'`;

function asDb(tx: Queryable): Db {
  return { executeSql: async (text, values) => tx.query(text, values ?? []) };
}

function messageOf(output: unknown): string | undefined {
  if (typeof output !== "object" || output === null) return undefined;
  const { message, value } = output as { message?: unknown; value?: unknown };
  return typeof message === "string" ? message : typeof value === "string" ? value : undefined;
}
