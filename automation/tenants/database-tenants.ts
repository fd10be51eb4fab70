import { isDeepStrictEqual } from "node:util";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { tunnelName } from "../../components/tenant/names.ts";
import { type AuditLine, recordAudit } from "../audit/record.ts";
import type { Database, Transaction } from "../db/database.ts";
import type { Listener } from "../db/listener.ts";
import { Priority, type Queue } from "../queue/queue.ts";
import { addLogFields } from "../telemetry/log-fields.ts";
import { checkWish } from "./check-wish.ts";
import { claimCustomDomains } from "./custom-domains.ts";
import { StaleGeneration, SubdomainTaken, SubscriptionTaken, TenantIsDeleted, UnknownTenant } from "./errors.ts";
import { countOperations, insertOperation, operationById, operationsOf } from "./operation-rows.ts";
import type { Operation } from "./operation.ts";
import { OperationWatch } from "./operation-watch.ts";
import { placeTenant } from "./placement.ts";
import { listTenants, readCursor, writeCursor } from "./tenant-list.ts";
import { publicFacts } from "./public-facts.ts";
import { rotated, type RotatableSecret, wantedSecrets } from "./rotation.ts";
import * as rows from "./tenant-rows.ts";
import { lockPlaces, refuseTunnelsOwn } from "./tunnel-conflicts.ts";
import type { Tenant, TenantState } from "./tenant.ts";
import type {
  Accepted,
  Actor,
  ChangeOptions,
  NewTenant,
  Page,
  RetryOptions,
  TenantQuery,
  Tenants,
  WishChange,
} from "./tenants.ts";
import { changedWish, kindOfRun, needsRun } from "./wish.ts";

export interface TenantsOptions {
  db: Database;
  queue: Queue;
  listener: Listener;
  platform: () => Promise<PlatformSettings>;
}

/** Tenants as rows: every change of a wish, its operation, its job and its audit line are one transaction. */
export class DatabaseTenants implements Tenants {
  readonly #db: Database;
  readonly #queue: Queue;
  readonly #platform: () => Promise<PlatformSettings>;
  readonly #watch: OperationWatch;

  constructor({ db, queue, listener, platform }: TenantsOptions) {
    this.#db = db;
    this.#queue = queue;
    this.#platform = platform;
    this.#watch = new OperationWatch(db, listener);
  }

  async request(input: NewTenant, by: Actor, options: ChangeOptions = {}): Promise<Accepted> {
    const platform = await this.#platform();
    const wanted = {
      localPort: null,
      subscriptionId: null,
      customerId: null,
      clientReferenceId: null,
      settings: {},
      wanted: "active" as const,
      wantedReason: null,
      stripeSyncedAt: null,
      ...input,
    };
    const somewhere = { ...wanted, containerId: input.containerId ?? platform.hosts[0]?.id ?? 1 };
    checkWish(somewhere, platform, { subdomain: true, plan: true, customDomains: true });
    return this.#within(options.tx, async (tx) => {
      await lockPlaces(tx); // two requests must not take the last place
      await refuseTunnelsOwn(tx, input);
      const containerId = placeTenant(platform.hosts, await rows.countByHost(tx), input.containerId);
      await claimCustomDomains(tx, wanted.settings.customDomains);
      const tenant = await rows.insertTenant(tx, { ...wanted, containerId });
      if (tenant === undefined) throw await takenError(tx, input);
      return this.#accept(tx, tenant, by, { action: "tenant.request", after: publicFacts(tenant) }, options);
    });
  }

  async get(id: number): Promise<Tenant | undefined> {
    return rows.tenantById(this.#db, id);
  }

  async bySubdomain(subdomain: string): Promise<Tenant | undefined> {
    return rows.tenantBySubdomain(this.#db, subdomain);
  }

  async byTunnel(nameOrId: string): Promise<Tenant | undefined> {
    const suffix = tunnelName("");
    if (nameOrId.endsWith(suffix)) return rows.tenantBySubdomain(this.#db, nameOrId.slice(0, -suffix.length));
    return rows.tenantByTunnelId(this.#db, nameOrId);
  }

  async bySubscription(subscriptionId: string): Promise<Tenant | undefined> {
    return rows.tenantBySubscription(this.#db, subscriptionId);
  }

  async list(query?: TenantQuery): Promise<Page<Tenant>> {
    return listTenants(this.#db, query);
  }

  async countByState(): Promise<Readonly<Partial<Record<TenantState, number>>>> {
    return rows.countByState(this.#db);
  }

  async changeWish(id: number, change: WishChange, by: Actor, options: ChangeOptions = {}): Promise<Accepted> {
    const platform = await this.#platform();
    return this.#within(options.tx, async (tx) => {
      const tenant = await locked(tx, id, options.expectedGeneration);
      const wish = changedWish(tenant, change);
      const runs = needsRun(tenant, wish);
      if (runs && (tenant.wanted === "deleted" || tenant.state === "deleted")) throw new TenantIsDeleted(id);
      if (runs && wish.wanted !== "deleted") {
        const customDomains = !isDeepStrictEqual(wish.settings.customDomains, tenant.settings.customDomains);
        const isNew = { subdomain: false, plan: wish.planType !== tenant.planType, customDomains };
        checkWish({ ...tenant, ...wish }, platform, isNew);
        if (customDomains) await claimCustomDomains(tx, wish.settings.customDomains, id);
      }
      const changed = await rows.updateWish(tx, id, wish, runs);
      const line = { action: "tenant.change", before: publicFacts(tenant), after: publicFacts(changed) };
      if (runs) return this.#accept(tx, changed, by, line, options);
      await audit(tx, changed, by, line);
      return { tenant: changed, operation: undefined };
    });
  }

  async retry(id: number, by: Actor, options: RetryOptions = {}): Promise<Accepted> {
    return this.#within(options.tx, async (tx) => {
      const tenant = await locked(tx, id, options.expectedGeneration);
      if (tenant.state === "deleted") throw new TenantIsDeleted(id);
      if (options.unlock === true) await rows.allowUnlock(tx, id);
      const due = await rows.updateWish(tx, id, changedWish(tenant, {}), true);
      await rows.doubt(tx, id);
      const line = {
        action: options.unlock === true ? "tenant.unlock" : "tenant.retry",
        before: { state: tenant.state, reason: tenant.stateReason },
        after: { generation: due.generation },
      };
      return this.#accept(tx, due, by, line, options);
    });
  }

  async rotate(
    id: number,
    secrets: readonly RotatableSecret[],
    by: Actor,
    options: ChangeOptions = {},
  ): Promise<Accepted> {
    return this.#within(options.tx, async (tx) => {
      const tenant = await locked(tx, id, options.expectedGeneration);
      if (tenant.wanted === "deleted" || tenant.state === "deleted") throw new TenantIsDeleted(id);
      const secretGeneration = rotated(tenant, secrets);
      const due = await rows.updateWish(tx, id, changedWish(tenant, { settings: { secretGeneration } }), true);
      const line = { action: "tenant.rotate", before: wantedSecrets(tenant), after: secretGeneration };
      return this.#accept(tx, due, by, line, options);
    });
  }

  async pause(
    id: number,
    paused: boolean,
    by: Actor,
    { expectedGeneration }: Pick<ChangeOptions, "expectedGeneration"> = {},
  ): Promise<Tenant> {
    return this.#db.transaction(async (tx) => {
      const before = await locked(tx, id, expectedGeneration);
      const tenant = await rows.setPaused(tx, id, paused);
      const action = paused ? "tenant.pause" : "tenant.unpause";
      await audit(tx, tenant, by, { action, before: { paused: before.paused }, after: { paused } });
      if (!paused && tenant.observedGeneration < tenant.generation)
        await this.#queue.enqueueReconcile(tx, id, Priority.change);
      return tenant;
    });
  }

  async preview(id: number, by: Actor, { accepted }: Pick<ChangeOptions, "accepted"> = {}): Promise<Operation> {
    return this.#db.transaction(async (tx) => {
      const tenant = await locked(tx, id);
      if (tenant.state === "deleted") throw new TenantIsDeleted(id);
      const operation = await insertOperation(tx, {
        ...requested(by),
        of: { tenantId: id },
        kind: "preview",
        generation: tenant.generation,
      });
      await accepted?.(tx, operation.id);
      await this.#queue.enqueuePreview(tx, operation.id);
      return operation;
    });
  }

  async operations(tenantId: number, query: { cursor?: string; limit?: number } = {}): Promise<Page<Operation>> {
    const limit = Math.min(Math.max(query.limit ?? 50, 1), 1_000);
    const before = query.cursor === undefined ? undefined : readCursor(query.cursor, "operations", /^$/).id;
    const [found, total] = await Promise.all([
      operationsOf(this.#db, { tenantId }, before, limit + 1),
      countOperations(this.#db, tenantId),
    ]);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return {
      items,
      total,
      nextCursor: found.length > limit && last !== undefined ? writeCursor("operations", "", last.id) : undefined,
    };
  }

  async operation(id: number): Promise<Operation | undefined> {
    return operationById(this.#db, id);
  }

  watchOperation: Tenants["watchOperation"] = (id, after, signal) => this.#watch.events(id, after, signal);

  waitForOperation: Tenants["waitForOperation"] = async (id, withinMs, signal) =>
    this.#watch.finished(id, withinMs, signal);

  /** The operation in which the changed wish is fulfilled, its job, and the audit line. */
  async #accept(
    tx: Transaction,
    tenant: Tenant,
    by: Actor,
    line: Pick<AuditLine, "action" | "before" | "after">,
    { priority, accepted }: ChangeOptions,
  ): Promise<Accepted> {
    const kind = kindOfRun(tenant);
    const operation = await insertOperation(tx, {
      ...requested(by),
      of: { tenantId: tenant.id },
      kind,
      generation: tenant.generation,
    });
    await accepted?.(tx, operation.id);
    const urgent = kind === "provision" || kind === "resume" ? Priority.customer : Priority.change;
    await this.#queue.enqueueReconcile(tx, tenant.id, priority ?? urgent);
    await audit(tx, tenant, by, line);
    addLogFields({ tenantId: tenant.id, operationId: operation.id });
    return { tenant, operation };
  }

  async #within<T>(tx: Transaction | undefined, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return tx === undefined ? this.#db.transaction(work) : work(tx);
  }
}

async function locked(tx: Transaction, id: number, expectedGeneration?: number): Promise<Tenant> {
  const tenant = await rows.lockTenant(tx, id);
  if (tenant === undefined) throw new UnknownTenant(id);
  if (expectedGeneration !== undefined && tenant.generation !== expectedGeneration)
    throw new StaleGeneration(`tenant ${id}`, expectedGeneration, tenant.generation);
  return tenant;
}

async function takenError(tx: Transaction, input: NewTenant): Promise<Error> {
  const other =
    input.subscriptionId === undefined ? undefined : await rows.tenantBySubscription(tx, input.subscriptionId);
  if (other !== undefined && other.state !== "deleted")
    return new SubscriptionTaken(input.subscriptionId ?? "", other.subdomain);
  return new SubdomainTaken(input.subdomain);
}

function requested(by: Actor): { requestedBy: string; requestId: string | null } {
  return { requestedBy: by.name, requestId: by.requestId ?? null };
}

async function audit(
  tx: Transaction,
  tenant: Tenant,
  by: Actor,
  line: Pick<AuditLine, "action" | "before" | "after">,
): Promise<void> {
  await recordAudit(tx, {
    actor: by.name,
    source: by.source,
    requestId: by.requestId,
    subjectType: "tenant",
    subjectId: String(tenant.id),
    ...line,
  });
}
