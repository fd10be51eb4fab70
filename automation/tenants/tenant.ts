import type { PlanSettings } from "../../components/settings/platform-settings.ts";

/** A tenant as its row says: what it should be, and what it was last seen to be. */
export interface Tenant {
  readonly id: number;
  readonly subscriptionId: string | null;
  readonly subdomain: string;
  readonly planType: string;
  /** What the plan meant at the last run; null before the first. Used where the platform has no such plan any more. */
  readonly planSettings: PlanSettings | null;
  /** Host it lives on: `hosts[].id` of the platform's settings. */
  readonly containerId: number;
  readonly localPort: number | null;
  readonly customerId: string | null;
  readonly customerEmail: string;
  readonly clientReferenceId: string | null;
  readonly settings: TenantExtras;
  readonly wanted: WantedState;
  readonly wantedReason: string | null;
  readonly generation: number;
  readonly observedGeneration: number;
  readonly state: TenantState;
  /** What a run has last made of it; null before the first success. */
  readonly convergedState: TenantState | null;
  readonly stateReason: string | null;
  readonly stateDetail: string | null;
  /** Every derived name was seen to be free, or ours, before the first run of the engine. */
  readonly claimed: boolean;
  /** Failures in a row. */
  readonly attempts: number;
  /** When a failed run is tried again by itself; null when it is not waiting for that. */
  readonly retryAt: Date | null;
  readonly paused: boolean;
  readonly graceUntil: Date | null;
  readonly deleteAfter: Date | null;
  readonly tunnelId: string | null;
  readonly tunnelUrl: string | null;
  /** Visitors get through the tunnel, as last seen through the edge; never while suspended. */
  readonly tunnelActive: boolean;
  readonly directUrl: string | null;
  readonly stripeSyncedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly readyAt: Date | null;
  readonly deletedAt: Date | null;
  /** Whoever locked the stack before then is dead, an operator says. */
  readonly unlockBefore: Date | null;
  /** Generations of its own secrets that it was last seen to run with; `settings` says which it should. */
  readonly appliedSecrets: AppliedSecrets;
}

export interface AppliedSecrets extends SecretGenerations {
  /** Names the platform's credentials that the stack's state was last written with: `credentialsId` of rotation.ts. */
  readonly credentials?: string;
}

export interface SecretGenerations {
  readonly tunnel: number;
  readonly postgresRole: number;
}

/** Column `settings`: the optional part of components/settings/tenant-settings.ts. */
export interface TenantExtras {
  readonly companyName?: string;
  readonly language?: string;
  readonly country?: string;
  readonly customDomains?: readonly string[];
  readonly secretGeneration?: Partial<SecretGenerations>;
}

export type WantedState = "active" | "suspended" | "deleted";

export type TenantState =
  | "pending"
  | "provisioning"
  | "active"
  | "suspending"
  | "suspended"
  | "deleting"
  | "deleted"
  | "failed"
  | "stalled";
