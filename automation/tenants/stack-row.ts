import type { AppliedSecrets, SecretGenerations, TenantState, WantedState } from "./tenant.ts";

/** What has a stack of its own, kept as its row says: a tenant, or a container's own tunnel. */
export interface StackRow {
  readonly id: number;
  /** Host it is on: `hosts[].id` of the platform's settings. */
  readonly containerId: number;
  readonly settings: { readonly secretGeneration?: Partial<SecretGenerations> };
  readonly wanted: WantedState;
  readonly generation: number;
  readonly observedGeneration: number;
  readonly state: TenantState;
  /** What a run has last made of it; null before the first success. */
  readonly convergedState: TenantState | null;
  readonly claimed: boolean;
  readonly attempts: number;
  readonly retryAt: Date | null;
  readonly paused: boolean;
  readonly tunnelId: string | null;
  readonly tunnelActive: boolean;
  readonly readyAt: Date | null;
  readonly appliedSecrets: AppliedSecrets;
  /** Whoever locked the stack before then is dead, an operator says. */
  readonly unlockBefore: Date | null;
}

/** Where rows of one kind are. Its texts become part of statements: constants only. */
export interface StackTable<Row extends StackRow = StackRow> {
  readonly name: "tenant_deployments" | "standalone_tunnels";
  /** Of a Row under its own field names. */
  readonly columns: string;
  /** In the audit log: type of the subject, and first part of the action. */
  readonly subject: "tenant" | "tunnel";
  subjectId(row: Row): string;
  owner(id: number): OperationOwner;
  /** Names it in traces. */
  spanAttributes(row: Row): Readonly<Record<string, string | number>>;
}

/** Whose operation it is: exactly one of them. */
export type OperationOwner = { readonly tenantId: number } | { readonly standaloneTunnelId: number };
