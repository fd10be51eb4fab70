import type { SandboxStatus } from "./status.ts";
import type { StepEvent } from "./steps.ts";

/** What the supervisor tells whoever started it. */
export type Message =
  | { kind: "step"; event: StepEvent }
  | { kind: "ready"; status: SandboxStatus }
  /** The start failed; all is stopped again. */
  | { kind: "failed"; message: string }
  /** A part ended by itself. It is not started again. */
  | { kind: "part-ended"; name: string; how: string; log: string };

/** What the supervisor is to do. */
export interface SupervisorOptions {
  instance: string;
  /** Make the first tenant. */
  demo: boolean;
  /** Stop when the process that started it ends before it has disconnected. */
  attached: boolean;
  /** Remove the instance's data after stopping. */
  temporary: boolean;
  /** Start only what lies below the server: databases, emulators, host. */
  withoutServer: boolean;
  /** Do not bring the platform's stack up (and so start no server either). */
  withoutPlatform: boolean;
  /** Further environment of the server. */
  serverSettings: Record<string, string>;
}
