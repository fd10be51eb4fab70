/** One run of the engine, or of a step around it, for a tenant or a container's own tunnel: one of both ids is set. */
export interface Operation {
  readonly id: number;
  readonly tenantId: number | null;
  readonly standaloneTunnelId: number | null;
  /** Of the container's own tunnel: `shop`. */
  readonly tunnelLabel: string | null;
  readonly kind: OperationKind;
  /** The generation of the wish it works for. */
  readonly generation: number;
  readonly status: OperationStatus;
  readonly requestedBy: string;
  readonly requestId: string | null;
  readonly worker: string | null;
  readonly queuedAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly changes: OperationChanges | null;
  readonly resources: readonly ResourceChange[] | null;
  readonly diagnostics: readonly Diagnostic[] | null;
  /** Milliseconds by phase: queueMs, claimMs, engineMs, probeMs, absenceMs, totalMs. */
  readonly timings: Readonly<Record<string, number>> | null;
  readonly error: string | null;
}

export type OperationKind = "provision" | "update" | "suspend" | "resume" | "delete" | "preview";

/** `superseded`: a newer wish came before it began, and its operation does this one's work too. */
export type OperationStatus = "queued" | "running" | "succeeded" | "failed" | "stalled" | "superseded";

/** Counts by the engine's step: {create: 3, same: 9}. */
export type OperationChanges = Readonly<Record<string, number>>;

export interface ResourceChange {
  readonly urn: string;
  readonly type: string;
  /** create, update, delete, replace, import, read, refresh, same, ... */
  readonly op: string;
  /** Property paths that differ, each with the kind of difference (`update`, `add-replace`, ...); never values. */
  readonly diff?: Readonly<Record<string, string>>;
  readonly seconds?: number;
  readonly failed?: boolean;
}

/** What the engine or a provider said; known secrets are replaced by `[secret]`. */
export interface Diagnostic {
  readonly severity: "info" | "warning" | "error";
  readonly urn?: string;
  readonly message: string;
}

/** One line of an operation's live view. */
export interface OperationEvent {
  readonly operationId: number;
  readonly sequence: number;
  readonly at: Date;
  /** `phase`, `resource`, `diagnostic`, `summary`, `finished`. */
  readonly kind: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export function isFinished(operation: Operation): boolean {
  return operation.status !== "queued" && operation.status !== "running";
}
