import type { Queryable } from "../db/database.ts";
import type { StackTable } from "./stack-row.ts";
import type { Tenant, TenantExtras, TenantState, WantedState } from "./tenant.ts";

/** Columns of a Tenant under its own field names, so that a row is one. */
export const TENANT_COLUMNS = `
  id, subscription_id as "subscriptionId", subdomain, plan_type as "planType", plan_settings as "planSettings", container_id as "containerId",
  local_port as "localPort", customer_id as "customerId", customer_email as "customerEmail",
  client_reference_id as "clientReferenceId", settings, wanted, wanted_reason as "wantedReason", generation,
  observed_generation as "observedGeneration", state, converged_state as "convergedState", state_reason as "stateReason", state_detail as "stateDetail",
  claimed, attempts, retry_at as "retryAt", paused, grace_until as "graceUntil", delete_after as "deleteAfter",
  tunnel_id as "tunnelId", tunnel_url as "tunnelUrl", tunnel_active as "tunnelActive", direct_url as "directUrl",
  stripe_synced_at as "stripeSyncedAt", created_at as "createdAt", updated_at as "updatedAt", ready_at as "readyAt",
  deleted_at as "deletedAt", applied_secrets as "appliedSecrets", unlock_before as "unlockBefore"`;

export const TENANT_TABLE: StackTable<Tenant> = {
  name: "tenant_deployments",
  columns: TENANT_COLUMNS,
  subject: "tenant",
  subjectId: ({ id }) => String(id),
  owner: (tenantId) => ({ tenantId }),
  spanAttributes: ({ id, subdomain }) => ({ "odoosaas.tenant_id": id, "odoosaas.subdomain": subdomain }),
};

export interface TenantInsert {
  subdomain: string;
  planType: string;
  containerId: number;
  localPort: number | null;
  subscriptionId: string | null;
  customerId: string | null;
  customerEmail: string;
  clientReferenceId: string | null;
  settings: TenantExtras;
  wanted: WantedState;
  wantedReason: string | null;
  stripeSyncedAt: Date | null;
}

const INSERT_TENANT = `
  insert into tenant_deployments (subdomain, plan_type, container_id, local_port, subscription_id, customer_id,
    customer_email, client_reference_id, settings, wanted, wanted_reason, stripe_synced_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
  on conflict do nothing -- a subdomain or subscription that is taken: the caller says by whom
  returning ${TENANT_COLUMNS}`;

/** Undefined when the subdomain or the subscription has a tenant already. */
export async function insertTenant(db: Queryable, tenant: TenantInsert): Promise<Tenant | undefined> {
  const { rows } = await db.query<Tenant>(INSERT_TENANT, [
    tenant.subdomain,
    tenant.planType,
    tenant.containerId,
    tenant.localPort,
    tenant.subscriptionId,
    tenant.customerId,
    tenant.customerEmail,
    tenant.clientReferenceId,
    JSON.stringify(tenant.settings),
    tenant.wanted,
    tenant.wantedReason,
    tenant.stripeSyncedAt,
  ]);
  return rows[0];
}

const TENANT_BY_ID = `select ${TENANT_COLUMNS} from tenant_deployments where id = $1`;

export async function tenantById(db: Queryable, id: number): Promise<Tenant | undefined> {
  return (await db.query<Tenant>(TENANT_BY_ID, [id])).rows[0];
}

const LOCK_TENANT = `${TENANT_BY_ID} for update`;

/** Holds the row until the transaction ends, so that what is read stays true. */
export async function lockTenant(db: Queryable, id: number): Promise<Tenant | undefined> {
  return (await db.query<Tenant>(LOCK_TENANT, [id])).rows[0];
}

const TENANT_BY_SUBDOMAIN = `select ${TENANT_COLUMNS} from tenant_deployments where subdomain = $1 and state <> 'deleted'`;

export async function tenantBySubdomain(db: Queryable, subdomain: string): Promise<Tenant | undefined> {
  return (await db.query<Tenant>(TENANT_BY_SUBDOMAIN, [subdomain])).rows[0];
}

const TENANT_BY_TUNNEL_ID = `
  select ${TENANT_COLUMNS} from tenant_deployments where tunnel_id = $1 order by id desc limit 1`;

export async function tenantByTunnelId(db: Queryable, tunnelId: string): Promise<Tenant | undefined> {
  return (await db.query<Tenant>(TENANT_BY_TUNNEL_ID, [tunnelId])).rows[0];
}

const TENANT_BY_SUBSCRIPTION = `
  select ${TENANT_COLUMNS} from tenant_deployments where subscription_id = $1 order by id desc limit 1`;

export async function tenantBySubscription(db: Queryable, subscriptionId: string): Promise<Tenant | undefined> {
  return (await db.query<Tenant>(TENANT_BY_SUBSCRIPTION, [subscriptionId])).rows[0];
}

const TENANTS_OF_HOST = `
  select container_id as "containerId", count(*)::int as tenants
  from tenant_deployments where state <> 'deleted' group by container_id`;

/** How many tenants each host carries. */
export async function countByHost(db: Queryable): Promise<ReadonlyMap<number, number>> {
  const { rows } = await db.query<{ containerId: number; tenants: number }>(TENANTS_OF_HOST);
  return new Map(rows.map(({ containerId, tenants }) => [containerId, tenants]));
}

const COUNT_BY_STATE = `select state, count(*)::int as tenants from tenant_deployments group by state`;

export async function countByState(db: Queryable): Promise<Readonly<Partial<Record<TenantState, number>>>> {
  const { rows } = await db.query<{ state: TenantState; tenants: number }>(COUNT_BY_STATE);
  return Object.fromEntries(rows.map(({ state, tenants }) => [state, tenants]));
}

/** The wish as it shall be: all of it, written in one statement. */
export type WishColumns = Pick<
  Tenant,
  | "wanted"
  | "wantedReason"
  | "planType"
  | "localPort"
  | "customerEmail"
  | "customerId"
  | "subscriptionId"
  | "settings"
  | "graceUntil"
  | "deleteAfter"
  | "stripeSyncedAt"
>;

const UPDATE_WISH = `
  update tenant_deployments set
    wanted = $2, wanted_reason = $3, plan_type = $4, local_port = $5, customer_email = $6, customer_id = $7,
    subscription_id = $8, settings = $9, grace_until = $10, delete_after = $11, stripe_synced_at = $12,
    generation = generation + case when $13 then 1 else 0 end,
    attempts = case when $13 then 0 else attempts end,
    strikes = case when $13 then 0 else strikes end,
    retry_at = case when $13 then null else retry_at end,
    updated_at = now()
  where id = $1
  returning ${TENANT_COLUMNS}`;

/** `raise`: what the stack is made from differs, or it shall run again: a new generation, due at once. */
export async function updateWish(db: Queryable, id: number, wish: WishColumns, raise: boolean): Promise<Tenant> {
  const { rows } = await db.query<Tenant>(UPDATE_WISH, [
    id,
    wish.wanted,
    wish.wantedReason,
    wish.planType,
    wish.localPort,
    wish.customerEmail,
    wish.customerId,
    wish.subscriptionId,
    JSON.stringify(wish.settings),
    wish.graceUntil,
    wish.deleteAfter,
    wish.stripeSyncedAt,
    raise,
  ]);
  return rows[0] as Tenant;
}

const SET_UNLOCK_BEFORE = `update tenant_deployments set unlock_before = now() where id = $1`;

export async function allowUnlock(db: Queryable, id: number): Promise<void> {
  await db.query(SET_UNLOCK_BEFORE, [id]);
}

const SET_DOUBTED = `
  update tenant_deployments set attempts = 1 where id = $1 and state in ('active', 'suspended')`;

/** After `updateWish`: of a settled tenant, too, the next run looks at what is really there (claim.ts), as after a failure. */
export async function doubt(db: Queryable, id: number): Promise<void> {
  await db.query(SET_DOUBTED, [id]);
}

const SET_PAUSED = `
  update tenant_deployments set paused = $2, updated_at = now() where id = $1 returning ${TENANT_COLUMNS}`;

/** Of a tenant that is there. */
export async function setPaused(db: Queryable, id: number, paused: boolean): Promise<Tenant> {
  return (await db.query<Tenant>(SET_PAUSED, [id, paused])).rows[0] as Tenant;
}
