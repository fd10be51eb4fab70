import type { Failure } from "./check.ts";
import type { Difference } from "./difference.ts";
import type { PackageSchema, ResourceSchema } from "./package-schema.ts";
import type { Properties } from "./value.ts";

/** What resource code is called with besides its properties. */
export interface Call<Config> {
  /** The provider's configuration as of the beginning of this call. */
  config: Config;
  /** Aborted by Cancel, by the engine's going away, at the end of the plugin, and after the resource's own timeout. */
  signal: AbortSignal;
  log: Log;
  /** The resource's name in the program. */
  name: string;
}

/** Lines for the engine's display, attached to the resource. */
export interface Log {
  /** Shown while the operation runs and then forgotten. */
  status: (line: string) => void;
  warn: (line: string) => void;
  error: (line: string) => void;
}

export interface OldState {
  id: string;
  inputs: Properties;
  outputs: Properties;
}

export interface State {
  id: string;
  outputs: Properties;
}

/** One resource type. Properties are plain except where it says "marked"; unknowns occur in previews only. */
export interface ResourceStandIn<Config> {
  token: string;
  schema: ResourceSchema;
  /** Checked and completed inputs. Marked. */
  check: (inputs: Properties, context: CheckContext) => { inputs: Properties; failures: readonly Failure[] };
  /** Marked. */
  diff: (old: OldState, inputs: Properties) => Difference;
  previewCreate: (inputs: Properties) => Properties;
  previewUpdate: (old: OldState, inputs: Properties) => Properties;
  create: (inputs: Properties, call: Call<Config>) => Promise<State>;
  /** Absent `old`: an import. Answers undefined when the resource is gone. */
  read: (
    id: string,
    old: OldState | undefined,
    call: Call<Config>,
  ) => Promise<(State & { inputs: Properties }) | undefined>;
  update: (old: OldState, inputs: Properties, call: Call<Config>) => Promise<Properties>;
  delete: (old: OldState, call: Call<Config>) => Promise<void>;
}

export interface CheckContext {
  name: string;
  /** Inputs of the last update; empty for a new resource. */
  oldInputs: Properties;
}

export interface FunctionStandIn<Config> {
  token: string;
  call: (args: Properties, call: Call<Config>) => Promise<Properties>;
}

export interface ProviderStandIn<Config = unknown> {
  schema: PackageSchema;
  /** What is wrong with a configuration besides names and types. May hold unknowns. */
  checkConfig: (config: Properties) => readonly Failure[];
  /** Throws when no operation could work with this configuration. */
  configure: (config: Properties) => Config;
  resources: readonly ResourceStandIn<Config>[];
  functions: readonly FunctionStandIn<Config>[];
}

/** The resource exists but something went wrong after it was made (or changed): the engine records it as it is. */
export class PartialFailure extends Error {
  readonly state: State;

  constructor(state: State, cause: Error) {
    super(cause.message, { cause });
    this.name = "PartialFailure";
    this.state = state;
  }
}
