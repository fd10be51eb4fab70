import type { Operation } from "../../tenants/operation.ts";
import type { Actor, ChangeOptions } from "../../tenants/tenants.ts";

/** A tunnel to a container that is no tenant of ours: hostname, tunnel, record and connector, without a database. */
export interface StandaloneTunnel {
  /** As in `/api/tunnels/{id}` and on Cloudflare: `<label>-tunnel`. */
  readonly name: string;
  readonly tunnelId: string | null;
  readonly subscriptionId: string;
  readonly containerId: number;
  readonly localPort: number;
  readonly hostname: string;
  readonly active: boolean;
}

export interface NewStandaloneTunnel {
  readonly subscriptionId: string;
  readonly containerId: number;
  readonly localPort: number;
  /** In the platform's domain. Default: made from the subscription's id. */
  readonly hostname?: string;
}

/** Made by the same TenantTunnel and TunnelConnector components as a tenant's; the core runs the engine. */
export interface StandaloneTunnels {
  /** Throws a FieldError: SubdomainTaken, SubscriptionTaken, UnknownHost. */
  request(
    input: NewStandaloneTunnel,
    by: Actor,
    options?: ChangeOptions,
  ): Promise<{ tunnel: StandaloneTunnel; operation: Operation }>;
  list(): Promise<readonly StandaloneTunnel[]>;
  /** By its name or its Cloudflare id. */
  get(nameOrId: string): Promise<StandaloneTunnel | undefined>;
  bySubscription(subscriptionId: string): Promise<StandaloneTunnel | undefined>;
  /** Removes unit, tunnel and record. Undefined when there is no such tunnel. */
  remove(nameOrId: string, by: Actor): Promise<Operation | undefined>;
}
