import type { Operation } from "../tenants/operation.ts";
import type { StackRow } from "../tenants/stack-row.ts";
import type { Actor, ChangeOptions } from "../tenants/tenants.ts";

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

/** The domain's door: what the API does with them. */
export interface StandaloneTunnels {
  /** Throws a FieldError: InvalidHostname, HostnameTaken, SubscriptionTaken, SubscriptionHasTunnel, UnknownHost. */
  request(
    input: NewStandaloneTunnel,
    by: Actor,
    options?: Pick<ChangeOptions, "priority" | "accepted">,
  ): Promise<{ tunnel: StandaloneTunnel; operation: Operation }>;
  /** Those that are not deleted. */
  list(): Promise<readonly StandaloneTunnel[]>;
  /** By its name (`shop-tunnel`) or its Cloudflare id. Not the deleted ones. */
  get(nameOrId: string): Promise<StandaloneTunnel | undefined>;
  bySubscription(subscriptionId: string): Promise<StandaloneTunnel | undefined>;
  /** Removes unit, tunnel, record and stack; asked again, it is tried again. Undefined when there is no such tunnel. */
  remove(nameOrId: string, by: Actor): Promise<Operation | undefined>;
  /** Runs a failed, stalled or converged one again. Undefined when there is no such tunnel. */
  retry(nameOrId: string, by: Actor): Promise<Operation | undefined>;
  /** Draws the tokens of all anew, and brings them into use while visitors are served. Returns how many are queued. */
  rotateAll(by: Actor, options?: Pick<ChangeOptions, "priority">): Promise<number>;
}
