import type { Transaction } from "../db/database.ts";
import type { Operation, OperationEvent } from "./operation.ts";
import type { RotatableSecret } from "./rotation.ts";
import type { Tenant, TenantExtras, TenantState, WantedState } from "./tenant.ts";

/** Who wants something: a line of the audit log. */
export interface Actor {
  /** `user:<subject of the token>`, `stripe`, `schedule`, `operator`. */
  readonly name: string;
  /** Address the request came from. */
  readonly source?: string;
  readonly requestId?: string;
}

export interface NewTenant {
  subdomain: string;
  planType: string;
  customerEmail: string;
  /** Host to live on; without it the host with the most room. */
  containerId?: number;
  localPort?: number;
  subscriptionId?: string;
  customerId?: string;
  clientReferenceId?: string;
  settings?: TenantExtras;
  /** A subscription that has ended before its tenant was made begins suspended. Default `active`. */
  wanted?: WantedState;
  wantedReason?: string;
  stripeSyncedAt?: Date;
}

/** What may change of a wish; absent means unchanged, null means none. */
export interface WishChange {
  wanted?: WantedState;
  wantedReason?: string | null;
  planType?: string;
  localPort?: number | null;
  customerEmail?: string;
  customerId?: string | null;
  subscriptionId?: string | null;
  /** Merged over the present ones; a key set to null is removed. */
  settings?: { [K in keyof TenantExtras]?: TenantExtras[K] | null };
  graceUntil?: Date | null;
  deleteAfter?: Date | null;
  stripeSyncedAt?: Date;
}

export interface ChangeOptions {
  /** Refuse with `StaleGeneration` when the row has moved on (If-Match). */
  expectedGeneration?: number;
  /** Do it within the caller's transaction, which then decides whether it happens. */
  tx?: Transaction;
  /** Told the new operation's id in the transaction that makes it; undoes all by throwing. */
  accepted?: (tx: Transaction, operationId: number) => Promise<void>;
  /** Of the reconcile: see `Priority` in automation/queue/queue.ts. */
  priority?: number;
}

export interface RetryOptions extends ChangeOptions {
  /** Breaks the locks that the tenant's stack has by now, whoever made them: the caller knows that nobody runs it. */
  unlock?: boolean;
}

/** What a change of a wish leads to. */
export interface Accepted {
  readonly tenant: Tenant;
  /** Absent when the change needs no run (a clock, the customer's id). */
  readonly operation: Operation | undefined;
}

export interface TenantQuery {
  /** Part of subdomain, customer's address or subscription id. */
  search?: string;
  states?: readonly TenantState[];
  plans?: readonly string[];
  containerId?: number;
  /** Deleted tenants are left out unless asked for here or by `states`. Default false. */
  includeDeleted?: boolean;
  sort?: "id" | "subdomain" | "createdAt" | "updatedAt";
  descending?: boolean;
  /** `nextCursor` of the page before. */
  cursor?: string;
  /** 1-1000. Default 50. */
  limit?: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Of all pages. */
  readonly total: number;
  readonly nextCursor: string | undefined;
}

/** The domain's door: all that the API, Stripe's handler, schedules and the CLI do with tenants. */
export interface Tenants {
  /** Throws a FieldError: InvalidSubdomain, SubdomainTaken, SubscriptionTaken, SubscriptionHasTunnel, CustomDomainTaken, UnknownPlan, UnknownHost, NoRoom. */
  request(input: NewTenant, by: Actor, options?: ChangeOptions): Promise<Accepted>;
  get(id: number): Promise<Tenant | undefined>;
  /** Not the deleted ones: a name may be taken again. */
  bySubdomain(subdomain: string): Promise<Tenant | undefined>;
  /** By a tunnel's name (`acme-tunnel`) or its Cloudflare id. */
  byTunnel(nameOrId: string): Promise<Tenant | undefined>;
  /** The newest, deleted or not. */
  bySubscription(subscriptionId: string): Promise<Tenant | undefined>;
  list(query?: TenantQuery): Promise<Page<Tenant>>;
  /** Tenants by state, for metrics. */
  countByState(): Promise<Readonly<Partial<Record<TenantState, number>>>>;
  /** Throws UnknownTenant, StaleGeneration, TenantIsDeleted, UnknownPlan, CustomDomainTaken. */
  changeWish(id: number, change: WishChange, by: Actor, options?: ChangeOptions): Promise<Accepted>;
  /** Runs a failed, stalled or converged tenant again, whether or not its wish has changed. */
  retry(id: number, by: Actor, options?: RetryOptions): Promise<Accepted>;
  /** Draws these secrets of the tenant anew, and brings them into use while visitors are served. */
  rotate(id: number, secrets: readonly RotatableSecret[], by: Actor, options?: ChangeOptions): Promise<Accepted>;
  /** Parks (or releases) one tenant's reconciles; a running one ends first. */
  pause(id: number, paused: boolean, by: Actor, options?: Pick<ChangeOptions, "expectedGeneration">): Promise<Tenant>;
  /** Records an operation that computes what a reconcile would change, and queues it. */
  preview(id: number, by: Actor, options?: Pick<ChangeOptions, "accepted">): Promise<Operation>;
  /** Newest first. */
  operations(tenantId: number, query?: { cursor?: string; limit?: number }): Promise<Page<Operation>>;
  operation(id: number): Promise<Operation | undefined>;
  /** Events after `after` (a sequence), in order, those to come included, until the operation has finished. */
  watchOperation(id: number, after?: number, signal?: AbortSignal): AsyncIterable<OperationEvent>;
  /** The operation once it has finished, or as it is after `withinMs`. */
  waitForOperation(id: number, withinMs: number, signal?: AbortSignal): Promise<Operation>;
}
