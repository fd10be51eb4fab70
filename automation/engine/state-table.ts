import type { Fence } from "./engine.ts";

/** A PostgreSQL state backend as other clients than the engine reach it. */
export interface StateTable {
  /** Connection string. Secret. */
  readonly url: string;
  readonly name: string;
}

/** Undefined for a backend that is not in PostgreSQL. */
export function stateTable(backendUrl: string): StateTable | undefined {
  if (!/^postgres(ql)?:/.test(backendUrl)) return undefined;
  const url = new URL(backendUrl);
  // The engine's own parameter: it is none of PostgreSQL's.
  const name = url.searchParams.get("table") ?? "pulumi_state";
  url.searchParams.delete("table");
  return { url: url.href, name };
}

/** The name under which a run with that right connects. */
export function fencedName({ subject, token }: Fence): string {
  return `odoosaas-run ${subject}.${token}`;
}
