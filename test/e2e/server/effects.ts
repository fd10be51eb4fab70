import assert from "node:assert/strict";
import { Database } from "../../../automation/db/database.ts";
import { verifyAudit } from "../../../automation/audit/verify.ts";
import { connectorService, hostname, roleName, tunnelName } from "../../../components/tenant/names.ts";
import { serverDatabaseUrl } from "../../../sandbox/lifecycle/server.ts";
import type { World } from "../world.ts";

export interface TenantRow {
  id: number;
  subdomain: string;
  plan_type: string;
  wanted: string;
  state: string;
  state_reason: string | null;
  state_detail: string | null;
  generation: number;
  observed_generation: number;
}

/** Asks the API for a tenant of the starter plan. */
export async function requestTenant(world: World, subdomain: string): Promise<void> {
  const { status, body } = await world.api("POST", "/api/tenants", {
    subdomain,
    plan_type: "starter",
    customer_email: `owner@${subdomain}.example`,
  });
  assert.equal(status, 202, JSON.stringify(body));
}

/** The newest tenant of that name, a deleted one included. */
export async function tenantRow(world: World, subdomain: string): Promise<TenantRow | undefined> {
  const [row] = await world.sql<TenantRow>(
    `select id::int, subdomain, plan_type, wanted, state, state_reason, state_detail, generation::int, observed_generation::int
     from tenant_deployments where subdomain = $1 order by id desc limit 1`,
    [subdomain],
    "odoosaas",
  );
  return row;
}

/** What there is of a tenant, wherever it may be; a plain value, to be compared as a whole. */
export interface Presence {
  login: number;
  tunnels: number;
  records: number;
  databases: number;
  roles: number;
  /** The unit's state as systemd tells it: "active", "inactive". */
  unit: string;
  unitFiles: number;
  connectors: number;
  /** Operations that an update began and did not end, as the stack's state has them. Undefined: there is no stack. */
  pending: string[] | undefined;
  /** Resources of the state by type, of those of which there must be one. */
  inState: Record<string, number>;
  locks: number;
}

const COUNTED = ["ZeroTrustTunnelCloudflared", "DnsRecord", "Role", "Database"];

export async function presence(world: World, subdomain: string): Promise<Presence> {
  const { accountId, zoneId } = world.platform.cloudflare;
  const service = connectorService(subdomain);
  const [login, tunnels, records, counted, state, locks, units] = await Promise.all([
    world.visit(subdomain, "/web/login"),
    world.cloudflare.zeroTrust.tunnels.cloudflared.list({
      account_id: accountId,
      name: tunnelName(subdomain),
      is_deleted: false,
    }),
    world.cloudflare.dns.records.list({ zone_id: zoneId, name: { exact: hostname(subdomain, world.platform.domain) } }),
    world.sql<{ databases: number; roles: number }>(
      `select (select count(*)::int from pg_database where datname = $1) as databases,
        (select count(*)::int from pg_roles where rolname = $2) as roles`,
      [subdomain, roleName(subdomain)],
    ),
    stackState(world, subdomain),
    locksOf(world, subdomain),
    world.host.run(
      `systemctl is-active ${service}; ls /etc/systemd/system/${service}.service 2>/dev/null | wc -l; pgrep -fc -- '[t]oken-file [^ ]*/${tunnelName(subdomain)}.token'`,
    ),
  ]);
  const [unit = "", unitFiles, connectors] = units.stdout.trim().split("\n");
  const resources = state?.resources ?? [];
  return {
    login: login.status,
    tunnels: tunnels.result.length,
    records: records.result.length,
    databases: counted[0]?.databases ?? -1,
    roles: counted[0]?.roles ?? -1,
    unit,
    unitFiles: Number(unitFiles),
    connectors: Number(connectors),
    pending: state && (state.pending_operations ?? []).map(({ type, resource }) => `${type} ${resource.urn}`),
    inState: Object.fromEntries(
      COUNTED.map((type) => [type, resources.filter((each) => each.type.endsWith(`:${type}`)).length]),
    ),
    locks: locks.length,
  };
}

/** What must be there of a tenant in that state, and nothing else. */
export function wholeTenant(state: "active" | "suspended" | "deleted"): Presence {
  const one = state === "deleted" ? 0 : 1;
  return {
    login: state === "active" ? 200 : state === "suspended" ? 503 : 530,
    tunnels: one,
    records: one,
    databases: one,
    roles: one,
    unit: state === "deleted" ? "inactive" : "active",
    unitFiles: one,
    connectors: one,
    pending: state === "deleted" ? undefined : [],
    inState: Object.fromEntries(COUNTED.map((type) => [type, one])),
    locks: 0,
  };
}

interface StackState {
  resources?: { urn: string; type: string; delete?: boolean }[];
  pending_operations?: { type: string; resource: { urn: string } }[];
}

/** Keys of the locks in the state backend, of one stack or of all. */
export async function locksOf(world: World, subdomain = "%"): Promise<string[]> {
  const rows = await world.sql<{ key: string }>(
    "select key from pulumi_state where key like $1",
    [`%.pulumi/locks/%/${subdomain}/%`],
    "pulumi",
  );
  return rows.map(({ key }) => key);
}

/** The stack's newest checkpoint, as it is stored. */
export async function stackState(world: World, subdomain: string): Promise<StackState | undefined> {
  const [row] = await world.sql<{ data: { data: string } }>(
    "select data from pulumi_state where key like $1",
    [`%.pulumi/stacks/odoosaas/${subdomain}.json`],
    "pulumi",
  );
  if (row === undefined) return undefined;
  const { checkpoint } = JSON.parse(Buffer.from(row.data.data, "base64").toString()) as {
    checkpoint: { latest?: StackState };
  };
  return checkpoint.latest ?? {};
}

/** The audit's chain holds from its first line to its last. */
export async function assertAuditHolds(world: World): Promise<void> {
  const db = new Database(serverDatabaseUrl(world.sandbox.instance, world.sandbox.secrets));
  try {
    const verdict = await verifyAudit(db);
    assert.equal(verdict.firstBroken, undefined);
    assert.ok(verdict.lines > 0);
  } finally {
    await db.end();
  }
}
