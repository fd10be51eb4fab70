import type { EngineEvent } from "@pulumi/pulumi/automation/events.js";

/** What a slot asks of its thread: run a verb of the Automation API with the program as its inline program. */
export interface RunRequest {
  verb: "up" | "preview" | "destroy";
  stack: string;
  workDir: string;
  /** Of the CLI. */
  env: Readonly<Record<string, string>>;
  pulumiVersion: string;
  /** Arguments for the program module's default export, which returns the inline program; absent for a destroy. */
  program: readonly unknown[] | undefined;
  refresh: boolean;
}

export type ToThread =
  | { kind: "run"; request: RunRequest }
  | { kind: "command-ended"; call: number; code: number; stdout: string; stderr: string };

export type FromThread =
  | { kind: "ready" }
  | { kind: "event"; event: EngineEvent }
  /** The engine is to be started; the slot does it, so that it can stop it even when this thread is stuck. */
  | { kind: "command"; call: number; args: readonly string[]; env: Readonly<Record<string, string>> }
  | { kind: "succeeded"; outputs: Readonly<Record<string, unknown>> }
  | { kind: "failed"; message: string };
