import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { hostname, tunnelName } from "../../components/tenant/names.ts";
import { recordAudit } from "../audit/record.ts";
import type { Database, Transaction } from "../db/database.ts";
import { Priority, type Queue } from "../queue/queue.ts";
import { StaleGeneration, SubscriptionHasTunnel, SubscriptionTaken } from "../tenants/errors.ts";
import { insertOperation, operationsOf } from "../tenants/operation-rows.ts";
import { isFinished, type Operation } from "../tenants/operation.ts";
import { knownHost } from "../tenants/placement.ts";
import type { ReasonKey } from "../tenants/reasons.ts";
import { tenantBySubdomain, tenantBySubscription } from "../tenants/tenant-rows.ts";
import type { Actor } from "../tenants/tenants.ts";
import { rotated, wantedSecrets } from "../tenants/rotation.ts";
import { lockPlaces } from "../tenants/tunnel-conflicts.ts";
import { kindOfRun } from "../tenants/wish.ts";
import { HostnameTaken, TunnelIsDeleted, UnknownTunnel } from "./errors.ts";
import type {
  AcceptedTunnel,
  NewStandaloneTunnel,
  StandaloneTunnel,
  StandaloneTunnels,
  TunnelOptions,
} from "./standalone-tunnels.ts";
import { labelOf } from "./tunnel-label.ts";
import * as rows from "./tunnel-rows.ts";

export interface TunnelsOptions {
  db: Database;
  queue: Queue;
  platform: () => Promise<PlatformSettings>;
}

/** Containers' own tunnels as rows: every change of a wish, its operation, its job and its audit line are one transaction. */
export class DatabaseTunnels implements StandaloneTunnels {
  readonly #db: Database;
  readonly #queue: Queue;
  readonly #platform: () => Promise<PlatformSettings>;

  constructor({ db, queue, platform }: TunnelsOptions) {
    this.#db = db;
    this.#queue = queue;
    this.#platform = platform;
  }

  async request(input: NewStandaloneTunnel, by: Actor, options: TunnelOptions = {}): Promise<AcceptedTunnel> {
    const platform = await this.#platform();
    knownHost(platform.hosts, input.containerId);
    const label = labelOf(input, platform);
    return this.#db.transaction(async (tx) => {
      await lockPlaces(tx);
      await refuseTaken(tx, input.subscriptionId, label, hostname(label, platform.domain));
      const tunnel = await rows.insertTunnel(tx, { ...input, label });
      const line = { action: "tunnel.request", after: publicFacts(tunnel) };
      return { tunnel, operation: await this.#accept(tx, tunnel, by, line, options) };
    });
  }

  async list(): Promise<readonly StandaloneTunnel[]> {
    return rows.presentTunnels(this.#db);
  }

  async get(nameOrId: string): Promise<StandaloneTunnel | undefined> {
    const suffix = tunnelName("");
    return nameOrId.endsWith(suffix)
      ? rows.tunnelByLabel(this.#db, nameOrId.slice(0, -suffix.length))
      : rows.tunnelByCloudflareId(this.#db, nameOrId);
  }

  async bySubscription(subscriptionId: string): Promise<StandaloneTunnel | undefined> {
    return rows.tunnelBySubscription(this.#db, subscriptionId);
  }

  async byNumber(id: number): Promise<StandaloneTunnel | undefined> {
    return rows.tunnelById(this.#db, id);
  }

  async operations(id: number, limit: number): Promise<readonly Operation[]> {
    return operationsOf(this.#db, { standaloneTunnelId: id }, undefined, limit);
  }

  async remove(nameOrId: string, by: Actor, options: TunnelOptions = {}): Promise<AcceptedTunnel> {
    return this.#changed(nameOrId, options, async (tx, before) => {
      if (before.wanted === "deleted") {
        const [last] = await operationsOf(tx, { standaloneTunnelId: before.id }, undefined, 1);
        if (last !== undefined && !isFinished(last)) return { tunnel: before, operation: last };
      }
      return this.#raise(tx, before, by, "tunnel.delete", { wanted: "deleted" }, options);
    });
  }

  async retry(
    nameOrId: string,
    by: Actor,
    { unlock = false, ...options }: TunnelOptions & { readonly unlock?: boolean } = {},
  ): Promise<AcceptedTunnel> {
    const action = unlock ? "tunnel.unlock" : "tunnel.retry";
    return this.#changed(nameOrId, options, (tx, before) =>
      this.#raise(tx, before, by, action, { unlock, doubt: true }, options),
    );
  }

  async rotate(nameOrId: string, by: Actor, options: TunnelOptions = {}): Promise<AcceptedTunnel> {
    return this.#changed(nameOrId, options, (tx, before) => {
      if (before.wanted === "deleted") throw new TunnelIsDeleted(tunnelName(before.label));
      const settings = { secretGeneration: rotated(before, ["tunnel"]) };
      return this.#raise(tx, before, by, "tunnel.rotate", { settings }, options);
    });
  }

  async rotateAll(by: Actor, options: Pick<TunnelOptions, "priority"> = {}): Promise<number> {
    const present = (await this.list()).filter(({ wanted }) => wanted !== "deleted");
    return each(present, (name) => this.rotate(name, by, options));
  }

  async retryAll(reason: ReasonKey, by: Actor, options: Pick<TunnelOptions, "priority"> = {}): Promise<number> {
    const stuck = (await this.list()).filter(
      ({ state, stateReason }) => (state === "failed" || state === "stalled") && stateReason === reason,
    );
    return each(stuck, (name) => this.retry(name, by, options));
  }

  async preview(nameOrId: string, by: Actor, { accepted }: Pick<TunnelOptions, "accepted"> = {}): Promise<Operation> {
    return this.#locked(nameOrId, async (tx, tunnel) => {
      const operation = await insertOperation(tx, {
        of: { standaloneTunnelId: tunnel.id },
        kind: "preview",
        generation: tunnel.generation,
        requestedBy: by.name,
        requestId: by.requestId ?? null,
      });
      await accepted?.(tx, operation.id);
      await this.#queue.enqueuePreview(tx, operation.id);
      return operation;
    });
  }

  async #changed(
    nameOrId: string,
    { expectedGeneration: expected }: TunnelOptions,
    change: (tx: Transaction, before: StandaloneTunnel) => Promise<AcceptedTunnel>,
  ): Promise<AcceptedTunnel> {
    return this.#locked(nameOrId, (tx, before) => {
      if (expected !== undefined && before.generation !== expected)
        throw new StaleGeneration(tunnelName(before.label), expected, before.generation);
      return change(tx, before);
    });
  }

  /** What is done to one that is there, while nobody else changes it. */
  async #locked<T>(nameOrId: string, work: (tx: Transaction, tunnel: StandaloneTunnel) => Promise<T>): Promise<T> {
    const found = await this.get(nameOrId);
    return this.#db.transaction(async (tx) => {
      const tunnel = found && (await rows.lockTunnel(tx, found.id));
      if (tunnel === undefined || tunnel.state === "deleted") throw new UnknownTunnel(nameOrId);
      return work(tx, tunnel);
    });
  }

  async #raise(
    tx: Transaction,
    before: StandaloneTunnel,
    by: Actor,
    action: string,
    change: rows.TunnelChange,
    { priority = Priority.customer, accepted }: TunnelOptions,
  ): Promise<AcceptedTunnel> {
    const tunnel = await rows.raiseTunnel(tx, before.id, change);
    const line = { action, before: publicFacts(before), after: publicFacts(tunnel) };
    const operation = await this.#accept(tx, tunnel, by, line, { priority, ...(accepted && { accepted }) });
    return { tunnel, operation };
  }

  /** The operation in which the wish is fulfilled, its job, and the audit line. */
  async #accept(
    tx: Transaction,
    tunnel: StandaloneTunnel,
    by: Actor,
    line: { readonly action: string; readonly before?: unknown; readonly after: unknown },
    { priority = Priority.change, accepted }: TunnelOptions,
  ): Promise<Operation> {
    const operation = await insertOperation(tx, {
      of: { standaloneTunnelId: tunnel.id },
      kind: kindOfRun(tunnel),
      generation: tunnel.generation,
      requestedBy: by.name,
      requestId: by.requestId ?? null,
    });
    await accepted?.(tx, operation.id);
    await this.#queue.enqueueTunnel(tx, tunnel.id, priority);
    await recordAudit(tx, {
      actor: by.name,
      source: by.source,
      requestId: by.requestId,
      subjectType: rows.TUNNEL_TABLE.subject,
      subjectId: rows.TUNNEL_TABLE.subjectId(tunnel),
      ...line,
    });
    return operation;
  }
}

/** Returns of how many it was done. */
async function each(
  listed: readonly StandaloneTunnel[],
  change: (name: string) => Promise<AcceptedTunnel>,
): Promise<number> {
  let done = 0;
  for (const { label } of listed) {
    try {
      await change(tunnelName(label));
      done += 1;
    } catch (error) {
      if (!(error instanceof TunnelIsDeleted || error instanceof UnknownTunnel)) throw error; // since it was listed
    }
  }
  return done;
}

/** What the audit log keeps of it, before and after a change. */
function publicFacts(tunnel: StandaloneTunnel): Readonly<Record<string, unknown>> {
  const { label, subscriptionId, containerId, localPort, wanted, generation, state, stateReason: reason } = tunnel;
  const { tunnel: secretGeneration } = wantedSecrets(tunnel);
  return { label, subscriptionId, containerId, localPort, wanted, generation, state, reason, secretGeneration };
}

/** Behind `lockPlaces`: nobody can take either meanwhile. */
async function refuseTaken(tx: Transaction, subscriptionId: string, label: string, name: string): Promise<void> {
  const tenantOf = await tenantBySubscription(tx, subscriptionId);
  if (tenantOf !== undefined && tenantOf.state !== "deleted")
    throw new SubscriptionTaken(subscriptionId, tenantOf.subdomain);
  const tunnelOf = await rows.tunnelBySubscription(tx, subscriptionId);
  if (tunnelOf !== undefined) throw new SubscriptionHasTunnel(subscriptionId, tunnelOf.label);
  const tenant = await tenantBySubdomain(tx, label);
  if (tenant !== undefined) throw new HostnameTaken(name, `tenant ${tenant.id}`);
  const tunnel = await rows.tunnelByLabel(tx, label);
  if (tunnel !== undefined) throw new HostnameTaken(name, tunnelName(label));
}
