import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation/events.js";
import type { Diagnostic, ResourceChange } from "../tenants/operation.ts";
import type { RunEvent } from "./engine.ts";

/** Follows the engine's events of one run: what changed, how long it took, what was said. */
export class RunLog {
  readonly resources: ResourceChange[] = [];
  readonly diagnostics: Diagnostic[] = [];
  changes: Record<string, number> = {};
  /** How many providers of each package the stack has: see providers.ts. */
  readonly providers = new Map<string, Set<string>>();
  readonly #began = new Map<string, number>();
  readonly #redact: (text: string) => string;
  readonly #tell: (event: RunEvent) => void;

  constructor(redact: (text: string) => string, tell: (event: RunEvent) => void = () => {}) {
    this.#redact = redact;
    this.#tell = tell;
  }

  add(event: EngineEvent, now = Date.now()): void {
    if (event.resourcePreEvent !== undefined) this.#begin(event.resourcePreEvent.metadata, now);
    else if (event.resOutputsEvent !== undefined) this.#end(event.resOutputsEvent.metadata, false, now);
    else if (event.resOpFailedEvent !== undefined) this.#end(event.resOpFailedEvent.metadata, true, now);
    else if (event.diagnosticEvent !== undefined) this.#say(event.diagnosticEvent);
    else if (event.summaryEvent !== undefined) {
      this.changes = { ...event.summaryEvent.resourceChanges };
      this.#tell({ kind: "summary", changes: this.changes, seconds: event.summaryEvent.durationSeconds });
    }
  }

  #begin(step: StepEventMetadata, now: number): void {
    if (step.type.startsWith("pulumi:providers:") && step.op !== "delete") {
      const name = step.type.slice("pulumi:providers:".length);
      this.providers.set(name, (this.providers.get(name) ?? new Set()).add(step.urn));
    }
    if (step.op === "same") return;
    this.#began.set(`${step.op} ${step.urn}`, now);
    this.#tell({ kind: "resource", step: "begin", change: changeOf(step) });
  }

  #end(step: StepEventMetadata, failed: boolean, now: number): void {
    if (step.op === "same") return;
    const began = this.#began.get(`${step.op} ${step.urn}`);
    const change: ResourceChange = {
      ...changeOf(step),
      ...(began === undefined ? {} : { seconds: Math.round(now - began) / 1_000 }),
      ...(failed ? { failed: true } : {}),
    };
    this.resources.push(change);
    this.#tell({ kind: "resource", step: failed ? "failed" : "end", change });
  }

  #say(said: { severity: string; message: string; urn?: string; ephemeral?: boolean }): void {
    if (said.severity === "debug") return;
    const message = this.#redact(said.message.replace(/<\{%.*?%\}>/g, "").trim());
    if (message === "" || (said.ephemeral === true && !WORTH_KEEPING.test(message))) return;
    const severity = said.severity === "error" || said.severity === "warning" ? said.severity : "info";
    const diagnostic: Diagnostic = {
      severity,
      message,
      ...(said.urn === undefined || said.urn === "" ? {} : { urn: said.urn }),
    };
    this.diagnostics.push(diagnostic);
    this.#tell({ kind: "diagnostic", diagnostic });
  }
}

/**
 * The command provider passes what a command prints on as status lines, which a terminal shows for a moment. This one
 * tells where a deleted tenant's backup lies (components/tenant/odoo-removal.sh), and its audit line needs it.
 */
const WORTH_KEEPING = /^backup \/\S+$/;

function changeOf(step: StepEventMetadata): ResourceChange {
  const paths = Object.entries(step.detailedDiff ?? {}).map(([path, { diffKind }]): [string, string] => [
    path,
    diffKind,
  ]);
  const diff = paths.length > 0 ? paths : (step.diffs ?? []).map((path): [string, string] => [path, "update"]);
  return {
    urn: step.urn,
    type: step.type,
    op: step.op,
    ...(diff.length > 0 ? { diff: Object.fromEntries<string>(diff) } : {}),
  };
}
