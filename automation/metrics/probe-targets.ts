import { type PlatformSettings, publicUrl } from "../../components/settings/platform-settings.ts";
import { hostname, tunnelName } from "../../components/tenant/names.ts";
import type { Tenant } from "../tenants/tenant.ts";
import type { Tenants } from "../tenants/tenants.ts";
import type { ProbeTarget } from "./edge-probe.ts";

/**
 * The same file in every Odoo (the icon it shows for modules without one), served without a database: an idle tenant
 * stays idle, which a look at its login page would end (0.8 s and some 60 MB for its registry).
 */
export const PROBE_PATH = "/base/static/description/icon.png";

/** Tunnels that visitors should get through now: of tenants that have been ready and are not going. */
export async function probeTargets(
  tenants: Pick<Tenants, "list">,
  platform: Pick<PlatformSettings, "domain" | "publicUrl">,
): Promise<ProbeTarget[]> {
  const targets: ProbeTarget[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await tenants.list({
      states: ["active", "suspended", "failed", "stalled"],
      limit: 1_000,
      ...(cursor !== undefined && { cursor }),
    });
    targets.push(
      ...page.items
        .filter((tenant) => tenant.readyAt !== null && tenant.wanted !== "deleted")
        .map((tenant) => targetOf(tenant, platform)),
    );
    cursor = page.nextCursor;
    if (cursor === undefined) return targets;
  }
}

function targetOf(tenant: Tenant, platform: Pick<PlatformSettings, "domain" | "publicUrl">): ProbeTarget {
  return {
    key: tunnelName(tenant.subdomain),
    url: tenant.tunnelUrl ?? publicUrl(platform, hostname(tenant.subdomain, platform.domain)),
    path: PROBE_PATH,
    expectStatus: tenant.state === "suspended" ? 503 : 200,
  };
}
