import { type HostSettings, type PlatformSettings, publicUrl } from "../../../components/settings/platform-settings.ts";
import { connectorService, hostname, tunnelName } from "../../../components/tenant/names.ts";
import type { Tenant, TenantState, WantedState } from "../../tenants/tenant.ts";
import { UnknownTunnel } from "../../tunnels/errors.ts";
import type { StandaloneTunnel } from "../../tunnels/standalone-tunnels.ts";
import type { ApiDeps } from "../deps.ts";
import { generationTag } from "../http/generation-tag.ts";
import { ApiError } from "../problem.ts";
import { urlOf } from "../resources/tenant-shapes.ts";

/** A tunnel of a tenant, or of a container that is none. */
export interface KnownTunnel {
  /** Cloudflare's id, null until it is made. */
  readonly tunnelId: string | null;
  readonly name: string;
  /** systemd unit, without `.service`. */
  readonly service: string;
  readonly active: boolean;
  readonly containerId: number;
  readonly localPort: number | null;
  readonly url: string;
  readonly subscriptionId: string | null;
  /** Of the row that it is part of. */
  readonly etag: string;
  readonly wanted: WantedState;
  readonly state: TenantState;
  readonly stateReason: string | null;
  readonly stateDetail: string | null;
  /** undefined: standalone. */
  readonly tenant: Tenant | undefined;
}

export function ofTenant(tenant: Tenant, platform: PlatformSettings): KnownTunnel {
  return {
    tunnelId: tenant.tunnelId,
    name: tunnelName(tenant.subdomain),
    service: connectorService(tenant.subdomain),
    active: tenant.tunnelActive,
    containerId: tenant.containerId,
    localPort: tenant.localPort,
    url: urlOf(tenant, platform),
    subscriptionId: tenant.subscriptionId,
    etag: generationTag(tenant),
    wanted: tenant.wanted,
    state: tenant.state,
    stateReason: tenant.stateReason,
    stateDetail: tenant.stateDetail,
    tenant,
  };
}

export function ofStandalone(tunnel: StandaloneTunnel, platform: PlatformSettings): KnownTunnel {
  const { label, tunnelId, tunnelUrl, tunnelActive, containerId, localPort, subscriptionId } = tunnel;
  const { state, stateReason, stateDetail } = tunnel;
  return {
    tunnelId,
    name: tunnelName(label),
    service: connectorService(label),
    active: tunnelActive,
    containerId,
    localPort,
    url: tunnelUrl ?? publicUrl(platform, hostname(label, platform.domain)),
    subscriptionId,
    etag: generationTag(tunnel),
    wanted: tunnel.wanted,
    state,
    stateReason,
    stateDetail,
    tenant: undefined,
  };
}

/** By name or Cloudflare id. Throws 404. */
export async function knownTunnel(
  deps: Pick<ApiDeps, "tenants" | "standaloneTunnels" | "platform">,
  nameOrId: string,
): Promise<KnownTunnel> {
  const tenant = await deps.tenants.byTunnel(nameOrId);
  const platform = await deps.platform();
  if (tenant !== undefined) return ofTenant(tenant, platform);
  const standalone = await deps.standaloneTunnels.get(nameOrId);
  if (standalone !== undefined) return ofStandalone(standalone, platform);
  throw new UnknownTunnel(nameOrId);
}

/** Throws 500-like 502 when the configuration no longer has the host a tunnel's connector runs on. */
export function hostOf(tunnel: KnownTunnel, platform: PlatformSettings): HostSettings {
  const host = platform.hosts.find(({ id }) => id === tunnel.containerId);
  if (host !== undefined) return host;
  throw new ApiError(
    502,
    "HostUnknown",
    "Host unknown",
    `Host ${tunnel.containerId} is not in the platform's configuration.`,
    {
      remedy: "Add it to the platform's hosts again, or move the tenant.",
    },
  );
}
