import { reconcileStack, type Reconciled } from "../../../automation/tenants/reconcile.ts";
import type { ReconcileIO } from "../../../automation/tenants/run.ts";
import type { StandaloneTunnel } from "../../../automation/tunnels/standalone-tunnels.ts";
import { TUNNELS } from "../../../automation/tunnels/tunnel-target.ts";
import { FieldError } from "../../../components/field-error.ts";
import { BY, PLATFORM, useWorld } from "../tenants/world.ts";

/** A database with fake clouds and engine, for the tests of one file. */
export const world = useWorld();
let count = 0;

/** Requested under a label of its own. */
export async function tunnel(): Promise<StandaloneTunnel> {
  const label = `shop${(count += 1)}`;
  const hostname = `${label}.${PLATFORM.domain}`;
  const made = await world().tunnels.request(
    { subscriptionId: `sub_${label}`, containerId: 105, localPort: 8080, hostname },
    BY,
  );
  return made.tunnel;
}

export async function run(id: number, changes: Partial<ReconcileIO> = {}): Promise<Reconciled> {
  const { worker, clouds } = world();
  clouds.connected.add("c1");
  return reconcileStack(TUNNELS, id, worker("here:1:a", changes));
}

export async function actions(label: string): Promise<string[]> {
  const { rows } = await world().db.query<{ action: string }>(
    "select action from audit_log where subject_type = 'tunnel' and subject_id = $1 order by id",
    [`${label}-tunnel`],
  );
  return rows.map(({ action }) => action);
}

export const refused =
  (kind: string, field: string) =>
  (error: unknown): boolean =>
    error instanceof FieldError && error.name === kind && error.field === field;
