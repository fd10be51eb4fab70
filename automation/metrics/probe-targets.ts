import { type PlatformSettings, publicUrl } from "../../components/settings/platform-settings.ts";
import { hostname, tunnelName } from "../../components/tenant/names.ts";
import type { Tenant } from "../tenants/tenant.ts";
import type { Tenants } from "../tenants/tenants.ts";
import type { StandaloneTunnel, StandaloneTunnels } from "../tunnels/standalone-tunnels.ts";
import type { ProbeTarget } from "./edge-probe.ts";

/**
 * The same file in every Odoo (the icon it shows for modules without one), served without a database: an idle tenant
 * stays idle, which a look at its login page would end (0.8 s and some 60 MB for its registry).
 */
export const PROBE_PATH = "/base/static/description/icon.png";

type Places = Pick<PlatformSettings, "domain" | "publicUrl">;

/** Tunnels that visitors should get through now: of tenants, and containers, that have been ready and are not going. */
export async function probeTargets(
  tenants: Pick<Tenants, "list">,
  tunnels: Pick<StandaloneTunnels, "list">,
  platform: Places,
): Promise<ProbeTarget[]> {
  const targets = (await tunnels.list()).filter(isOpen).map((tunnel) => targetOfTunnel(tunnel, platform));
  for (let cursor: string | undefined; ;) {
    const page = await tenants.list({
      states: ["active", "suspended", "failed", "stalled"],
      limit: 1_000,
      ...(cursor !== undefined && { cursor }),
    });
    targets.push(...page.items.filter(isOpen).map((tenant) => targetOf(tenant, platform)));
    cursor = page.nextCursor;
    if (cursor === undefined) return targets;
  }
}

function isOpen({ readyAt, wanted }: Pick<Tenant, "readyAt" | "wanted">): boolean {
  return readyAt !== null && wanted !== "deleted";
}

function targetOfTunnel(tunnel: StandaloneTunnel, platform: Places): ProbeTarget {
  const { id, label, tunnelUrl, tunnelActive: active, updatedAt } = tunnel;
  return {
    key: tunnelName(label),
    url: tunnelUrl ?? publicUrl(platform, hostname(label, platform.domain)),
    path: "/",
    expectStatus: "any",
    row: { table: "standalone_tunnels", id, active, updatedAt },
  };
}

function targetOf(tenant: Tenant, platform: Places): ProbeTarget {
  const { id, tunnelActive: active, updatedAt } = tenant;
  return {
    key: tunnelName(tenant.subdomain),
    url: tenant.tunnelUrl ?? publicUrl(platform, hostname(tenant.subdomain, platform.domain)),
    path: PROBE_PATH,
    // By what a run has last made of it: a failed one may be neither here nor there.
    ...(tenant.convergedState === "suspended"
      ? { expectStatus: 503 }
      : { expectStatus: 200, row: { table: "tenant_deployments", id, active, updatedAt } }),
  };
}
