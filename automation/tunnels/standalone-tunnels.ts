import type { Operation } from "../tenants/operation.ts";
import type { ReasonKey } from "../tenants/reasons.ts";
import type { StackRow } from "../tenants/stack-row.ts";
import type { Actor, RetryOptions } from "../tenants/tenants.ts";

/** A tunnel to a container that is no tenant of ours: hostname, tunnel, record and connector, without a database. */
export interface StandaloneTunnel extends StackRow {
  readonly subscriptionId: string;
  readonly localPort: number;
  /** First label of its host name. Its tunnel is `<label>-tunnel`, as a tenant's is of its subdomain. */
  readonly label: string;
  readonly tunnelUrl: string | null;
  readonly directUrl: string | null;
  readonly stateReason: string | null;
  readonly stateDetail: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly deletedAt: Date | null;
}

export interface NewStandaloneTunnel {
  readonly subscriptionId: string;
  readonly containerId: number;
  readonly localPort: number;
  /** Right below the platform's domain. Default: made from the subscription's id. */
  readonly hostname?: string;
}

export interface AcceptedTunnel {
  readonly tunnel: StandaloneTunnel;
  readonly operation: Operation;
}

export type TunnelOptions = Omit<RetryOptions, "tx" | "unlock">;

/**
 * The domain's door: what the API does with them. Changes throw a FieldError: UnknownTunnel, StaleGeneration,
 * and TunnelIsDeleted where a deletion does not allow them.
 */
export interface StandaloneTunnels {
  /** Throws a FieldError: InvalidHostname, HostnameTaken, SubscriptionTaken, SubscriptionHasTunnel, UnknownHost. */
  request(input: NewStandaloneTunnel, by: Actor, options?: TunnelOptions): Promise<AcceptedTunnel>;
  /** Those that are not deleted. */
  list(): Promise<readonly StandaloneTunnel[]>;
  /** By its name (`shop-tunnel`) or its Cloudflare id. Not the deleted ones. */
  get(nameOrId: string): Promise<StandaloneTunnel | undefined>;
  /** By its number, deleted or not. */
  byNumber(id: number): Promise<StandaloneTunnel | undefined>;
  bySubscription(subscriptionId: string): Promise<StandaloneTunnel | undefined>;
  /** Removes unit, tunnel, record and stack. Asked again, it is the same operation, or a new try of one that has failed. */
  remove(nameOrId: string, by: Actor, options?: TunnelOptions): Promise<AcceptedTunnel>;
  /** Runs a failed, stalled or converged one again; with `unlock` whoever has locked its stack by now is known to be dead. */
  retry(nameOrId: string, by: Actor, options?: TunnelOptions & { readonly unlock?: boolean }): Promise<AcceptedTunnel>;
  /** Draws its token anew, and brings it into use while visitors are served. */
  rotate(nameOrId: string, by: Actor, options?: TunnelOptions): Promise<AcceptedTunnel>;
  /** The same for all. Returns how many are queued. */
  rotateAll(by: Actor, options?: Pick<TunnelOptions, "priority">): Promise<number>;
  /** Records an operation that computes what a run would change, and queues it. */
  preview(nameOrId: string, by: Actor, options?: Pick<TunnelOptions, "accepted">): Promise<Operation>;
  /** Runs all again that are failed or stalled for this reason. Returns how many are queued. */
  retryAll(reason: ReasonKey, by: Actor, options?: Pick<TunnelOptions, "priority">): Promise<number>;
  /** Of one, newest first. */
  operations(id: number, limit: number): Promise<readonly Operation[]>;
}
