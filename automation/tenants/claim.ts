import { databaseName, hostname } from "../../components/tenant/names.ts";
import type { Adoption } from "../../components/tenant/tenant.ts";
import { compareWithState, type Findings, repairedState, type StateRepair, takenBy } from "./findings.ts";
import { TenantFailure } from "./reasons.ts";
import { fenceOf, phase, type Run, withStaleLockBroken } from "./run.ts";
import { recordClaim, recordRepair } from "./run-records.ts";

export interface Claim {
  adopt: Adoption;
  found: Findings;
}

/**
 * Before the engine runs: finds what bears the tenant's names, refuses at once when that is another's (a provider would
 * retry a clash for minutes), and brings the state in line with what is really there after an interrupted run. The
 * cheap path: after a successful run the state is known to be right, and nothing is asked, unless somebody doubts it
 * (a retry counts as a failed attempt).
 */
export async function claim(run: Run): Promise<Claim> {
  const { row, takenOver } = run.lease;
  const settled = (row.state === "active" || row.state === "suspended") && row.attempts === 0 && row.tunnelId !== null;
  if (settled && !takenOver) return { adopt: {}, found: {} };
  return phase(run, "claim", async () => {
    const { name, stack, host } = run.target;
    const rights = { signal: run.signal, fence: fenceOf(run.lease) };
    const isNew = !row.claimed && row.attempts === 0 && !takenOver && run.step.kind !== "delete";
    const made = isNew ? run.io.engine.createStack(stack, rights) : undefined;
    made?.catch(() => {}); // awaited below; the look may fail first
    const found = await run.target.look();
    const taken = takenBy(name, hostname(name, run.platform.domain), found, {
      odooRole: host.odoo.role,
      claimed: row.claimed,
    });
    if (run.step.kind !== "delete") {
      if (taken.length > 0) {
        // Nothing half-made is left of a name that is another's.
        if (
          (await made?.then(
            () => true,
            () => false,
          )) === true
        )
          await run.io.engine.removeEmptyStack(stack, rights);
        throw new TenantFailure("name-taken", taken.join("; "));
      }
      if (!row.claimed) await recordClaim(run.io.db, run.lease);
    }
    await made;
    // Nothing there and nothing tried: the state has nothing to be compared with.
    if (isNew && Object.keys(found).length === 0) return { adopt: {}, found };
    const ours = await withoutHalfDropped(run, onlyOurs(run, found));
    return { adopt: await repairState(run, stack, ours), found: ours };
  });
}

/** A deletion ends what an interrupted one began; anything else would need the database. */
async function withoutHalfDropped(run: Run, found: Findings): Promise<Findings> {
  const { database, ...rest } = found;
  if (database?.halfDropped !== true) return found;
  const { name } = run.target;
  if (run.step.kind !== "delete") {
    throw new TenantFailure(
      "database-missing",
      `the database ${name} is invalid: its removal was begun and cut off, and it can only be dropped`,
    );
  }
  await recordRepair(run.io.db, run.lease, run.io.worker, "repair", { dropped: databaseName(name) });
  run.recorder.phase("repair", { dropped: databaseName(name) });
  run.lease.assertHeld();
  await run.clouds.finishDrop(name);
  return rest;
}

async function repairState(run: Run, stack: string, found: Findings): Promise<Adoption> {
  const state = await run.io.engine.exportState(stack, { signal: run.signal });
  const repair = compareWithState(state, found);
  if (repair.gone.includes("database") && run.step.kind !== "delete") {
    throw new TenantFailure(
      "database-missing",
      `the database ${run.target.name} is in the stack's state, but not on the PostgreSQL server`,
    );
  }
  if (state !== undefined && (repair.forget.length > 0 || repair.pending.length > 0)) {
    await recordRepair(run.io.db, run.lease, run.io.worker, "repair", summary(repair));
    run.recorder.phase("repair", summary(repair));
    // Saving a state takes the stack's lock, which the interrupted run may have left behind.
    await withStaleLockBroken(run, () => {
      run.lease.assertHeld();
      const rights = { signal: run.signal, fence: fenceOf(run.lease) };
      return run.io.engine.importState(stack, repairedState(state, repair), rights);
    });
  }
  if (Object.keys(repair.adopt).length > 0) run.recorder.phase("adopt", { ...repair.adopt });
  return repair.adopt;
}

function summary(repair: StateRepair): Record<string, unknown> {
  return { forgotten: repair.forget, pendingOperations: repair.pending, adopted: repair.adopt };
}

/** What belongs to another stays out of everything that follows. */
export function onlyOurs(run: Run, found: Findings): Findings {
  const { tunnel, record, role, database } = found;
  const owner = { odooRole: run.target.host.odoo.role, claimed: run.lease.row.claimed };
  const databaseIsOurs = database !== undefined && takenBy(run.target.name, "", { database }, owner).length === 0;
  return {
    ...(tunnel?.ours === true && { tunnel }),
    ...(record?.ours === true && { record }),
    ...(role?.ours === true && { role }),
    ...(databaseIsOurs && { database }),
  };
}
