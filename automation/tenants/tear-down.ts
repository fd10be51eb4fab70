import { setTimeout } from "node:timers/promises";
import type { EngineResult } from "../engine/engine.ts";
import { update } from "./bring-up.ts";
import { claim, onlyOurs } from "./claim.ts";
import { enginePhase } from "./engine-phase.ts";
import type { Findings } from "./findings.ts";
import { TenantFailure } from "./reasons.ts";
import { credentialsId } from "./rotation.ts";
import { recordCredentials } from "./run-records.ts";
import { fenceOf, phase, type Run } from "./run.ts";

const ABSENCE_WITHIN_MS = 10_000;

/**
 * Deletes the stack, and succeeds only when a look at the clouds has shown that nothing of it is left. What
 * exists without being in the state (a run was interrupted) is first completed, so that it goes the ordered way: backup,
 * connector, tunnel, record, database, role.
 */
export async function tearDown(run: Run): Promise<EngineResult> {
  const { adopt } = await claim(run);
  if (Object.keys(adopt).length > 0) await update(run, { adopt });
  else if (await isOutdated(run)) await renewCredentials(run);
  const result = await enginePhase(run, "destroy", (onEvent) =>
    run.io.engine.destroy({
      stack: run.target.stack,
      signal: run.signal,
      fence: fenceOf(run.lease),
      onEvent,
      secrets: run.target.secrets,
    }),
  );
  await phase(run, "absence", () => proveAbsence(run));
  return result;
}

/** Whether the state holds other credentials than the platform has now. */
async function isOutdated({ lease, platform, io, target, signal }: Run): Promise<boolean> {
  if (lease.row.appliedSecrets.credentials === credentialsId(platform)) return false;
  const state = await io.engine.exportState(target.stack, { signal });
  return (state?.deployment.resources ?? []).some(({ type }) => type === target.component);
}

/** A deletion works with what the state holds. */
async function renewCredentials(run: Run): Promise<void> {
  await update(run, { adopt: {} });
  await recordCredentials(run.io.db, run.lease, credentialsId(run.platform));
}

async function proveAbsence(run: Run): Promise<void> {
  const deadline = performance.now() + ABSENCE_WITHIN_MS;
  for (let pause = 250; ; pause *= 2, await setTimeout(pause)) {
    const left = Object.keys(onlyOurs(run, await run.target.look())) as (keyof Findings)[];
    if (left.length === 0) return;
    run.signal.throwIfAborted();
    if (performance.now() > deadline) throw new TenantFailure("not-gone", `still there: ${left.join(", ")}`);
  }
}
