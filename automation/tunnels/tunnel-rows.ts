import { tunnelName } from "../../components/tenant/names.ts";
import type { Queryable } from "../db/database.ts";
import type { StackTable } from "../tenants/stack-row.ts";
import type { StandaloneTunnel } from "./standalone-tunnels.ts";

/** Columns of a StandaloneTunnel under its own field names, so that a row is one. */
const COLUMNS = `
  id, subscription_id as "subscriptionId", container_id as "containerId", local_port as "localPort", label,
  tunnel_id as "tunnelId", tunnel_url as "tunnelUrl", tunnel_active as "tunnelActive", direct_url as "directUrl",
  settings, applied_secrets as "appliedSecrets", wanted, generation, observed_generation as "observedGeneration", state,
  converged_state as "convergedState", state_reason as "stateReason", state_detail as "stateDetail", claimed, attempts, retry_at as "retryAt", paused,
  created_at as "createdAt", updated_at as "updatedAt", ready_at as "readyAt", deleted_at as "deletedAt", unlock_before as "unlockBefore"`;

export const TUNNEL_TABLE: StackTable<StandaloneTunnel> = {
  name: "standalone_tunnels",
  columns: COLUMNS,
  subject: "tunnel",
  subjectId: ({ label }) => tunnelName(label),
  owner: (standaloneTunnelId) => ({ standaloneTunnelId }),
  spanAttributes: ({ id, label }) => ({ "odoosaas.standalone_tunnel_id": id, "odoosaas.tunnel": tunnelName(label) }),
};

export type TunnelInsert = Pick<StandaloneTunnel, "subscriptionId" | "containerId" | "localPort" | "label">;

const INSERT_TUNNEL = `
  insert into standalone_tunnels (subscription_id, container_id, local_port, label)
  values ($1, $2, $3, $4)
  returning ${COLUMNS}`;

export async function insertTunnel(db: Queryable, tunnel: TunnelInsert): Promise<StandaloneTunnel> {
  const { subscriptionId, containerId, localPort, label } = tunnel;
  const values = [subscriptionId, containerId, localPort, label];
  return (await db.query<StandaloneTunnel>(INSERT_TUNNEL, values)).rows[0] as StandaloneTunnel;
}

const TUNNELS = `select ${COLUMNS} from standalone_tunnels where state <> 'deleted' order by label`;

export async function presentTunnels(db: Queryable): Promise<StandaloneTunnel[]> {
  return (await db.query<StandaloneTunnel>(TUNNELS)).rows;
}

const TUNNEL_BY_LABEL = `select ${COLUMNS} from standalone_tunnels where label = $1 and state <> 'deleted'`;

export async function tunnelByLabel(db: Queryable, label: string): Promise<StandaloneTunnel | undefined> {
  return (await db.query<StandaloneTunnel>(TUNNEL_BY_LABEL, [label])).rows[0];
}

const TUNNEL_BY_CLOUDFLARE_ID = `select ${COLUMNS} from standalone_tunnels where tunnel_id = $1 and state <> 'deleted'`;

export async function tunnelByCloudflareId(db: Queryable, tunnelId: string): Promise<StandaloneTunnel | undefined> {
  return (await db.query<StandaloneTunnel>(TUNNEL_BY_CLOUDFLARE_ID, [tunnelId])).rows[0];
}

const TUNNEL_BY_SUBSCRIPTION = `
  select ${COLUMNS} from standalone_tunnels where subscription_id = $1 and state <> 'deleted'`;

export async function tunnelBySubscription(
  db: Queryable,
  subscriptionId: string,
): Promise<StandaloneTunnel | undefined> {
  return (await db.query<StandaloneTunnel>(TUNNEL_BY_SUBSCRIPTION, [subscriptionId])).rows[0];
}

const TUNNEL_BY_ID = `select ${COLUMNS} from standalone_tunnels where id = $1`;

export async function tunnelById(db: Queryable, id: number): Promise<StandaloneTunnel | undefined> {
  return (await db.query<StandaloneTunnel>(TUNNEL_BY_ID, [id])).rows[0];
}

const LOCK_TUNNEL = `${TUNNEL_BY_ID} for update`;

/** Holds the row until the transaction ends, so that of two changes the second sees the first. */
export async function lockTunnel(db: Queryable, id: number): Promise<StandaloneTunnel | undefined> {
  return (await db.query<StandaloneTunnel>(LOCK_TUNNEL, [id])).rows[0];
}

const RAISE = `
  update standalone_tunnels set
    wanted = coalesce($2, wanted), settings = settings || coalesce($3, '{}'::jsonb), generation = generation + 1,
    attempts = case when $5 and state = 'active' then 1 else 0 end, strikes = 0, retry_at = null, updated_at = now(),
    unlock_before = case when $4 then now() else unlock_before end
  where id = $1
  returning ${COLUMNS}`;

export interface TunnelChange {
  readonly wanted?: "deleted";
  readonly settings?: StandaloneTunnel["settings"];
  /** Whoever has locked its stack by now is dead. */
  readonly unlock?: boolean;
  /** Of a settled tunnel, too, the next run looks at what is really there, as after a failure. */
  readonly doubt?: boolean;
}

/** A new generation, due at once: with another wish, or once more with the same. Of a row that exists. */
export async function raiseTunnel(
  db: Queryable,
  id: number,
  { wanted, settings, unlock = false, doubt = false }: TunnelChange,
): Promise<StandaloneTunnel> {
  const values = [id, wanted ?? null, settings === undefined ? null : JSON.stringify(settings), unlock, doubt];
  return (await db.query<StandaloneTunnel>(RAISE, values)).rows[0] as StandaloneTunnel;
}
