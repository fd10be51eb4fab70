import { EngineFailure, type EngineResult, type FailureKind } from "./engine.ts";
import type { RunLog } from "./run-log.ts";

/** What a run has come to, from what was heard of it. */
export function resultOf(
  log: RunLog,
  outputs: Readonly<Record<string, unknown>>,
  timings: Readonly<Record<string, number>>,
): EngineResult {
  return { changes: log.changes, resources: log.resources, diagnostics: log.diagnostics, outputs, timings };
}

const NOTHING: EngineResult = { changes: {}, resources: [], diagnostics: [], outputs: {}, timings: {} };

/** With the end of the message, where the CLI tells what is wrong. */
export function failure(kind: FailureKind, message: string, result: EngineResult = NOTHING): EngineFailure {
  return new EngineFailure(kind, message.trim().slice(-4_000), result);
}

/** The kind of what the CLI says. */
export function kindOf(message: string): FailureKind {
  if (/the stack is currently locked by/.test(message)) return "locked";
  if (/no stack named|stack .* not found/i.test(message)) return "no-stack";
  if (
    /incorrect passphrase|could not (open|connect)|failed to (load|open) (checkpoint|bucket|state)|unable to (open|check) bucket|problem logging in|no resource plugin|plugin .* not found|cannot run /i.test(
      message,
    )
  ) {
    return "engine";
  }
  return "failed";
}
