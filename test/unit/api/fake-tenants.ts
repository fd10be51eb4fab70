import type { Database } from "../../../automation/db/database.ts";
import {
  NoRoom,
  StaleGeneration,
  SubdomainTaken,
  SubscriptionTaken,
  TenantIsDeleted,
  UnknownPlan,
  UnknownTenant,
} from "../../../automation/tenants/errors.ts";
import { operationById } from "../../../automation/tenants/operation-rows.ts";
import {
  isFinished,
  type Operation,
  type OperationEvent,
  type OperationKind,
  type OperationStatus,
} from "../../../automation/tenants/operation.ts";
import type { RotatableSecret } from "../../../automation/tenants/rotation.ts";
import type { Tenant, TenantState } from "../../../automation/tenants/tenant.ts";
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
} from "../../../automation/tenants/tenants.ts";
import { aTenant, tunnelIdOf } from "./a-tenant.ts";

/** The domain without a database or an engine: wishes are kept, and operations end when a test says so. */
export class FakeTenants implements Tenants {
  readonly rows: Tenant[] = [];
  readonly allOperations: Operation[] = [];
  readonly events: OperationEvent[] = [];
  readonly calls: { method: string; by: Actor; options?: RetryOptions | undefined }[] = [];
  /** Every new operation ends so at once. */
  endWith: OperationStatus | undefined;
  failWith: Error | undefined;
  capacity = 1_000;
  /** For whoever wants to be told of an operation in its transaction. */
  database: Database | undefined;
  #changed = Promise.withResolvers<void>();

  async request(input: NewTenant, by: Actor, options?: ChangeOptions): Promise<Accepted> {
    this.calls.push({ method: "request", by, options });
    if (this.failWith !== undefined) throw this.failWith;
    if (!["shared", "dedicated"].includes(input.planType))
      throw new UnknownPlan(input.planType, ["shared", "dedicated"]);
    if (this.rows.length >= this.capacity) throw new NoRoom(input.containerId, this.capacity);
    const present = this.rows.filter(({ state }) => state !== "deleted");
    if (present.some(({ subdomain }) => subdomain === input.subdomain)) throw new SubdomainTaken(input.subdomain);
    const same = present.find(
      ({ subscriptionId }) => subscriptionId !== null && subscriptionId === input.subscriptionId,
    );
    if (same !== undefined) throw new SubscriptionTaken(input.subscriptionId ?? "", same.subdomain);
    const tenant = aTenant({ ...stripUndefined(input), id: this.rows.length + 1, settings: input.settings ?? {} });
    this.rows.push(tenant);
    return this.#accepted(this.#begin(tenant, "provision"), options);
  }

  async get(id: number): Promise<Tenant | undefined> {
    return this.rows.find((tenant) => tenant.id === id);
  }

  async bySubdomain(subdomain: string): Promise<Tenant | undefined> {
    return this.rows.find((tenant) => tenant.subdomain === subdomain && tenant.state !== "deleted");
  }

  async byTunnel(nameOrId: string): Promise<Tenant | undefined> {
    return this.rows.find(
      (tenant) =>
        tenant.state !== "deleted" && (tenant.tunnelId === nameOrId || `${tenant.subdomain}-tunnel` === nameOrId),
    );
  }

  async bySubscription(subscriptionId: string): Promise<Tenant | undefined> {
    return this.rows.findLast((tenant) => tenant.subscriptionId === subscriptionId);
  }

  async list(query: TenantQuery = {}): Promise<Page<Tenant>> {
    const {
      search,
      states,
      plans,
      containerId,
      includeDeleted = false,
      descending = false,
      cursor,
      limit = 50,
    } = query;
    const found = this.rows
      .filter(({ state }) => states?.includes(state) ?? (includeDeleted || state !== "deleted"))
      .filter(({ planType }) => plans?.includes(planType) ?? true)
      .filter((tenant) => containerId === undefined || tenant.containerId === containerId)
      .filter(
        ({ subdomain, customerEmail }) =>
          search === undefined || subdomain.includes(search) || customerEmail.includes(search),
      );
    if (descending) found.reverse();
    const from = Number(cursor ?? 0);
    const next = from + limit < found.length ? String(from + limit) : undefined;
    return { items: found.slice(from, from + limit), total: found.length, nextCursor: next };
  }

  async countByState(): Promise<Partial<Record<TenantState, number>>> {
    const counts: Partial<Record<TenantState, number>> = {};
    for (const { state } of this.rows) counts[state] = (counts[state] ?? 0) + 1;
    return counts;
  }

  async changeWish(id: number, change: WishChange, by: Actor, options?: ChangeOptions): Promise<Accepted> {
    this.calls.push({ method: "changeWish", by, options });
    const before = this.#present(id, options);
    const { settings, ...rest } = change;
    const merged = Object.fromEntries(
      Object.entries({ ...before.settings, ...settings }).filter(([, value]) => value !== null),
    );
    const tenant = this.replace({
      ...before,
      ...stripUndefined(rest),
      settings: merged,
      generation: before.generation + 1,
      updatedAt: new Date(before.updatedAt.getTime() + 1),
    });
    const kinds = { deleted: "delete", suspended: "suspend", active: "update" } as const;
    return this.#accepted(this.#begin(tenant, kinds[tenant.wanted]), options);
  }

  async retry(id: number, by: Actor, options?: RetryOptions): Promise<Accepted> {
    this.calls.push({ method: "retry", by, options });
    return this.#accepted(this.#begin(this.#present(id, options), "update"), options);
  }

  readonly rotations: { id: number; secrets: readonly RotatableSecret[] }[] = [];
  async rotate(id: number, secrets: readonly RotatableSecret[], by: Actor, options?: ChangeOptions): Promise<Accepted> {
    this.calls.push({ method: "rotate", by, options });
    this.rotations.push({ id, secrets });
    return this.retry(id, by, options);
  }

  async pause(id: number, paused: boolean, by: Actor, options?: ChangeOptions): Promise<Tenant> {
    this.calls.push({ method: "pause", by, options });
    return this.replace({ ...this.#present(id, options), paused });
  }

  async preview(id: number, by: Actor, options?: Pick<ChangeOptions, "accepted">): Promise<Operation> {
    this.calls.push({ method: "preview", by });
    const { operation } = await this.#accepted(this.#begin(this.#present(id), "preview"), options);
    if (operation === undefined) throw new Error("no operation");
    return operation;
  }

  async operations(tenantId: number, query: { cursor?: string; limit?: number } = {}): Promise<Page<Operation>> {
    const found = this.allOperations.filter((operation) => operation.tenantId === tenantId).toReversed();
    const from = Number(query.cursor ?? 0);
    const to = from + (query.limit ?? 20);
    return {
      items: found.slice(from, to),
      total: found.length,
      nextCursor: to < found.length ? String(to) : undefined,
    };
  }

  async operation(id: number): Promise<Operation | undefined> {
    const own = this.allOperations.find((operation) => operation.id === id);
    return own ?? (this.database && operationById(this.database, id)); // a standalone tunnel's is in the database
  }

  async *watchOperation(id: number, after = 0, signal?: AbortSignal): AsyncIterable<OperationEvent> {
    for (let sequence = after; ;) {
      const next = this.events.filter((event) => event.operationId === id && event.sequence > sequence);
      for (const event of next) yield event;
      sequence = next.at(-1)?.sequence ?? sequence;
      const operation = await this.operation(id);
      if (operation === undefined || (next.length === 0 && isFinished(operation)) || signal?.aborted === true) return;
      if (next.length === 0) await Promise.race([this.#changed.promise, aborted(signal)]);
    }
  }

  async waitForOperation(id: number, withinMs: number, signal?: AbortSignal): Promise<Operation> {
    const late = AbortSignal.timeout(withinMs);
    for (;;) {
      const operation = await this.operation(id);
      if (operation === undefined) throw new UnknownTenant(id);
      signal?.throwIfAborted();
      if (isFinished(operation) || late.aborted) return operation;
      await Promise.race([this.#changed.promise, aborted(late), aborted(signal)]);
    }
  }

  /** An operation ends, and its tenant is as wished. */
  finish(id: number, status: OperationStatus, more: Partial<Operation> = {}): void {
    const index = this.allOperations.findIndex((operation) => operation.id === id);
    const operation = this.allOperations[index];
    if (operation === undefined) throw new Error(`no operation ${id}`);
    this.allOperations[index] = {
      ...operation,
      status,
      startedAt: operation.queuedAt,
      finishedAt: new Date(operation.queuedAt.getTime() + 1_500),
      ...more,
    };
    const tenant = this.rows.find((row) => row.id === operation.tenantId);
    if (tenant !== undefined && status === "succeeded" && operation.kind !== "preview") {
      this.replace({
        ...tenant,
        state: tenant.wanted,
        convergedState: tenant.wanted,
        observedGeneration: tenant.generation,
        tunnelId: tenant.tunnelId ?? tunnelIdOf(tenant.id),
        tunnelActive: tenant.wanted !== "deleted",
        tunnelUrl: `https://${tenant.subdomain}.example.com`,
        directUrl: "172.16.16.105:8069",
        readyAt: tenant.readyAt ?? new Date(),
      });
    }
    this.#tell();
  }

  emit(operationId: number, kind: string, body: Record<string, unknown>): void {
    const sequence = this.events.filter((event) => event.operationId === operationId).length + 1;
    this.events.push({ operationId, sequence, at: new Date(), kind, body });
    this.#tell();
  }

  replace(tenant: Tenant): Tenant {
    this.rows[this.rows.findIndex(({ id }) => id === tenant.id)] = tenant;
    return tenant;
  }

  begin(tenantId: number, kind: OperationKind): Operation {
    const tenant = this.rows.find(({ id }) => id === tenantId);
    const operation = tenant && this.#begin(tenant, kind).operation;
    if (operation === undefined) throw new Error(`no tenant ${tenantId}`);
    return operation;
  }

  #begin(tenant: Tenant, kind: OperationKind): Accepted {
    const operation: Operation = {
      id: this.allOperations.length + 1,
      tenantId: tenant.id,
      standaloneTunnelId: null,
      tunnelLabel: null,
      kind,
      generation: tenant.generation,
      status: "queued",
      requestedBy: "user:test",
      requestId: null,
      worker: null,
      queuedAt: new Date(),
      startedAt: null,
      finishedAt: null,
      changes: null,
      resources: null,
      diagnostics: null,
      timings: null,
      error: null,
    };
    this.allOperations.push(operation);
    if (this.endWith !== undefined)
      this.finish(operation.id, this.endWith, this.endWith === "failed" ? { error: "host 105 does not answer" } : {});
    return { tenant, operation };
  }

  async #accepted(accepted: Accepted, options?: ChangeOptions): Promise<Accepted> {
    const { id } = accepted.operation ?? { id: 0 };
    await this.database?.transaction(async (tx) => options?.accepted?.(tx, id));
    return accepted;
  }

  #present(id: number, options?: ChangeOptions): Tenant {
    const tenant = this.rows.find((row) => row.id === id);
    if (tenant === undefined) throw new UnknownTenant(id);
    if (tenant.state === "deleted") throw new TenantIsDeleted(id);
    const expected = options?.expectedGeneration;
    if (expected !== undefined && expected !== tenant.generation)
      throw new StaleGeneration(`tenant ${id}`, expected, tenant.generation);
    return tenant;
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

function stripUndefined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

async function aborted(signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted !== true)
    await new Promise((resolve) => signal?.addEventListener("abort", resolve, { once: true }));
}
