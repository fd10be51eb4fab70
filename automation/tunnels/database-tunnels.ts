import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { hostname, tunnelName } from "../../components/tenant/names.ts";
import { recordAudit } from "../audit/record.ts";
import type { Database, Transaction } from "../db/database.ts";
import { Priority, type Queue } from "../queue/queue.ts";
import { SubscriptionHasTunnel, SubscriptionTaken } from "../tenants/errors.ts";
import { insertOperation } from "../tenants/operation-rows.ts";
import type { Operation } from "../tenants/operation.ts";
import { knownHost } from "../tenants/placement.ts";
import { tenantBySubdomain, tenantBySubscription } from "../tenants/tenant-rows.ts";
import type { Actor, ChangeOptions } from "../tenants/tenants.ts";
import { rotated } from "../tenants/rotation.ts";
import { lockPlaces } from "../tenants/tunnel-conflicts.ts";
import { kindOfRun } from "../tenants/wish.ts";
import { HostnameTaken } from "./errors.ts";
import type { NewStandaloneTunnel, StandaloneTunnel, StandaloneTunnels } from "./standalone-tunnels.ts";
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

  async request(
    input: NewStandaloneTunnel,
    by: Actor,
    options: Pick<ChangeOptions, "priority" | "accepted"> = {},
  ): Promise<{ tunnel: StandaloneTunnel; operation: Operation }> {
    const platform = await this.#platform();
    knownHost(platform.hosts, input.containerId);
    const label = labelOf(input, platform);
    return this.#db.transaction(async (tx) => {
      await lockPlaces(tx);
      await refuseTaken(tx, input.subscriptionId, label, hostname(label, platform.domain));
      const tunnel = await rows.insertTunnel(tx, { ...input, label });
      const { subscriptionId, containerId, localPort } = tunnel;
      const after = { label, subscriptionId, containerId, localPort };
      return { tunnel, operation: await this.#accept(tx, tunnel, by, { action: "tunnel.request", after }, options) };
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

  async remove(nameOrId: string, by: Actor): Promise<Operation | undefined> {
    return this.#raise(await this.get(nameOrId), by, "tunnel.delete", { wanted: "deleted" });
  }

  async retry(nameOrId: string, by: Actor): Promise<Operation | undefined> {
    return this.#raise(await this.get(nameOrId), by, "tunnel.retry", {});
  }

  async rotateAll(by: Actor, options: Pick<ChangeOptions, "priority"> = {}): Promise<number> {
    let queued = 0;
    for (const tunnel of await this.list()) {
      if (tunnel.wanted === "deleted") continue;
      const settings = { secretGeneration: rotated(tunnel, ["tunnel"]) };
      if ((await this.#raise(tunnel, by, "tunnel.rotate", { settings }, options)) !== undefined) queued += 1;
    }
    return queued;
  }

  async #raise(
    before: StandaloneTunnel | undefined,
    by: Actor,
    action: string,
    change: rows.TunnelChange,
    { priority = Priority.customer }: Pick<ChangeOptions, "priority"> = {},
  ): Promise<Operation | undefined> {
    if (before === undefined) return undefined;
    return this.#db.transaction(async (tx) => {
      const tunnel = await rows.raiseTunnel(tx, before.id, change);
      if (tunnel === undefined) return undefined;
      const line = {
        action,
        before: { wanted: before.wanted, state: before.state, reason: before.stateReason },
        after: { wanted: tunnel.wanted, generation: tunnel.generation, ...change.settings },
      };
      return this.#accept(tx, tunnel, by, line, { priority });
    });
  }

  /** The operation in which the wish is fulfilled, its job, and the audit line. */
  async #accept(
    tx: Transaction,
    tunnel: StandaloneTunnel,
    by: Actor,
    line: { readonly action: string; readonly before?: unknown; readonly after: unknown },
    { priority = Priority.change, accepted }: Pick<ChangeOptions, "priority" | "accepted">,
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
