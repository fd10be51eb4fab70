import { EngineFailure, type EngineResult } from "../engine/engine.ts";
import { claim, type Claim } from "./claim.ts";
import { enginePhase } from "./engine-phase.ts";
import { TenantFailure } from "./reasons.ts";
import { isRotating } from "./rotation.ts";
import { fenceOf, phase, type ProgramChoice, type Run } from "./run.ts";

/** Makes the stack what it should be, running or suspended, and proves it by a look through the edge. */
export async function bringUp(run: Run): Promise<EngineResult> {
  const claimed = await claim(run);
  const result = await withRotation(run, claimed);
  const problem = await phase(run, "probe", () => run.target.prove(run, claimed, result));
  if (problem !== undefined) throw new TenantFailure("not-reachable", problem);
  return result;
}

/** The update, and what a rotation of the tenant's own secrets takes besides. */
async function withRotation(run: Run, { adopt }: Claim): Promise<EngineResult> {
  const { row } = run.lease;
  const [tunnel, database] = [isRotating(row, "tunnel"), isRotating(row, "database")];
  // Connections made with the old token stay; they are cut when the new one is in use.
  const outdated = tunnel ? await connectors(run) : [];
  const before =
    database && row.convergedState === "active"
      ? { adopt, passwordByHost: true } // see components/tenant/tenant.ts
      : tunnel && adopt.tunnelId !== undefined
        ? { adopt } // an adopted tunnel keeps its secret in that run: nothing can be compared with it
        : undefined;
  const first = before === undefined ? undefined : await update(run, before).catch(unlessOfAnother);
  const result = await update(run, { adopt: first === undefined ? adopt : {} });
  if (outdated.length > 0) {
    const connected = await connectors(run);
    for (const id of outdated) if (connected.includes(id)) await run.clouds.disconnect(row.tunnelId ?? "", id);
  }
  return first === undefined ? result : together(first, result);
}

/**
 * The tenant's administrator has changed the role's password by SQL, so new sessions are refused anyway: the ordinary
 * run sets it by the platform's right. See components/tenant/role-password.sh.
 */
function unlessOfAnother(error: unknown): undefined {
  const said = error instanceof EngineFailure ? error.result.diagnostics : [];
  if (!said.some(({ message }) => message.includes("is neither the old nor the new one"))) throw error;
}

async function connectors({ lease, clouds }: Run): Promise<readonly string[]> {
  return lease.row.tunnelId === null ? [] : clouds.connectors(lease.row.tunnelId);
}

/** Of two runs, what both did. */
function together(first: EngineResult, second: EngineResult): EngineResult {
  const changes: Record<string, number> = { ...second.changes };
  for (const [op, count] of Object.entries(first.changes)) if (op !== "same") changes[op] = (changes[op] ?? 0) + count;
  return {
    ...second,
    changes,
    resources: [...first.resources, ...second.resources],
    diagnostics: [...first.diagnostics, ...second.diagnostics],
  };
}

export async function update(run: Run, how: ProgramChoice): Promise<EngineResult> {
  const { target, io } = run;
  const result = await enginePhase(run, "up", (onEvent) =>
    io.engine.up({
      stack: target.stack,
      program: target.program(how),
      config: target.config,
      signal: run.signal,
      fence: fenceOf(run.lease),
      onEvent,
      secrets: target.secrets,
    }),
  );
  if (result.timings["slotMs"] !== undefined) run.timings["slotMs"] = result.timings["slotMs"];
  return result;
}
