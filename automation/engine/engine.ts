import type { Diagnostic, OperationChanges, ResourceChange } from "../tenants/operation.ts";

/** Runs the Pulumi engine on one stack at a time in each of its slots. */
export interface Engine {
  /** Slots: updates that run at once. */
  readonly parallelism: number;
  /**
   * From now on only runs with that right may write state for its subject; where the state backend cannot tell them
   * apart, nothing happens. To be called while it is certain that the caller has the right.
   */
  raiseFence(fence: Fence): Promise<void>;
  /** Makes an empty stack; one that is there already is no error. `up` does so by itself, but later. */
  createStack(stack: string, options?: CommandOptions): Promise<void>;
  /** Takes `createStack` back; a stack that has resources, or is being run, stays as it is. Never throws. */
  removeEmptyStack(stack: string, options?: CommandOptions): Promise<void>;
  up(run: ProgramRun): Promise<EngineResult>;
  /** Leaves no stack behind where there was none. */
  preview(run: ProgramRun): Promise<EngineResult>;
  /** Deletes the stack's resources, and then the stack. A stack that is not there is no error. */
  destroy(run: StackRun): Promise<EngineResult>;
  /** The state as the CLI exports it; undefined when there is no such stack. */
  exportState(stack: string, options?: ExportOptions): Promise<Deployment | undefined>;
  /** Replaces the state, after a repair. */
  importState(stack: string, state: Deployment, options?: CommandOptions): Promise<void>;
  /** Removes all locks of a stack. Only for one whose owner is proven dead. */
  unlock(stack: string, options?: CommandOptions): Promise<void>;
  /** Waits for running updates; then ends the processes that it keeps. */
  close(): Promise<void>;
}

/** A right to write state: of all for one subject, only the one raised last is good. */
export interface Fence {
  /** `tenant-12`: small letters, a dash, digits. */
  readonly subject: string;
  readonly token: number;
}

export interface CommandOptions {
  signal?: AbortSignal | undefined;
  /** Absent: writes are not fenced. */
  fence?: Fence | undefined;
}

export interface StackRun {
  /** Fully qualified: `organization/odoosaas/acme`. */
  stack: string;
  /** Absent: writes of state are not fenced. */
  fence?: Fence;
  /** Lets resource operations in flight end, then stops. With a reason of `Fenced`, everything is killed at once. */
  signal?: AbortSignal;
  onEvent?: (event: RunEvent) => void;
  /** Values that must not appear in events, diagnostics and errors. */
  secrets?: readonly string[];
}

export interface ProgramRun extends StackRun {
  /** Arguments of the program's function; must survive a structured clone. */
  program: readonly unknown[];
  /** For the CLI's benefit: stored in the state's history, so that `pulumi config refresh` gives an operator the same stack. */
  config?: Readonly<Record<string, unknown>>;
  /** Reads all resources from their providers first. */
  refresh?: boolean;
}

export interface ExportOptions {
  /** Decrypt secrets. Default false. */
  showSecrets?: boolean;
  signal?: AbortSignal;
}

export interface EngineResult {
  changes: OperationChanges;
  /** Only resources with another step than `same`. */
  resources: readonly ResourceChange[];
  diagnostics: readonly Diagnostic[];
  /** What the program returned; empty for previews and destroys. */
  outputs: Readonly<Record<string, unknown>>;
  /** Milliseconds: slotMs (waiting for a free slot), prepareMs, engineMs. */
  timings: Readonly<Record<string, number>>;
}

/** What happens during a run, in order. */
export type RunEvent =
  | { kind: "resource"; step: "begin" | "end" | "failed"; change: ResourceChange }
  | { kind: "diagnostic"; diagnostic: Diagnostic }
  | { kind: "summary"; changes: OperationChanges; seconds: number };

/** The part of an exported state that repairs look at. */
export interface Deployment {
  readonly version: number;
  readonly deployment: {
    readonly resources?: readonly StateResource[];
    readonly pending_operations?: readonly { readonly type: string; readonly resource: StateResource }[];
    readonly secrets_providers?: { readonly type: string; readonly state?: Readonly<Record<string, string>> };
    readonly [key: string]: unknown;
  };
}

export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly parent?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

export type FailureKind =
  /** A resource or the program failed: see diagnostics. */
  | "failed"
  /** Another process holds the stack's lock, or left it behind. */
  | "locked"
  /** There is no such stack. */
  | "no-stack"
  /** The signal stopped it. */
  | "aborted"
  /** State backend not reachable, wrong passphrase, missing CLI or plugin: nothing about this tenant. */
  | "engine";

/** A run that did not succeed, with all that is known of it. */
export class EngineFailure extends Error {
  readonly kind: FailureKind;
  readonly result: EngineResult;

  constructor(kind: FailureKind, message: string, result: EngineResult, options?: ErrorOptions) {
    super(message, options);
    this.name = "EngineFailure";
    this.kind = kind;
    this.result = result;
  }
}

/** Reason of an abort: the right to run this stack is lost, so its processes are killed without ceremony. */
export class Fenced extends Error {
  constructor(subject: string) {
    super(`${subject}: another worker has taken over`);
    this.name = "Fenced";
  }
}
