import { randomBytes } from "node:crypto";
import Cloudflare from "cloudflare";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";

/**
 * What a token cannot do that the platform needs, in words; empty when it is fit. Cloudflare tells a token's permissions
 * only to tokens that may read tokens, so each is tried: a tunnel and a record of a name of their own are made and removed.
 */
export async function tokenProblems(
  platform: Pick<PlatformSettings, "cloudflare" | "domain">,
  apiToken: string,
): Promise<string[]> {
  const { accountId: account_id, zoneId: zone_id, baseUrl } = platform.cloudflare;
  const api = new Cloudflare({
    apiToken,
    maxRetries: 2,
    timeout: 15_000,
    ...(baseUrl === undefined ? {} : { baseURL: baseUrl }),
  });
  const name = `odoosaas-token-check-${randomBytes(4).toString("hex")}`;
  const tries: Readonly<Record<string, () => Promise<unknown>>> = {
    "Zone > Zone > Read": async () => {
      const zone = await api.zones.get({ zone_id });
      if (platform.domain !== zone.name && !platform.domain.endsWith(`.${zone.name}`))
        throw new Error(`the zone ${zone_id} is ${zone.name}, which ${platform.domain} is not part of`);
    },
    "Account > Cloudflare Tunnel > Edit": async () => {
      const { id } = await api.zeroTrust.tunnels.cloudflared.create({ account_id, name, config_src: "cloudflare" });
      await api.zeroTrust.tunnels.cloudflared.delete(id ?? "", { account_id });
    },
    "Zone > DNS > Edit": async () => {
      const record = { zone_id, type: "TXT", name: `${name}.${platform.domain}`, content: '"check"', ttl: 60 } as const;
      const { id } = await api.dns.records.create(record);
      await api.dns.records.delete(id, { zone_id });
    },
  };
  const problems = await Promise.all(
    Object.entries(tries).map(async ([permission, attempt]) =>
      attempt().then(
        () => [],
        (error: unknown) => [`${permission}: ${(error as Error).message}`],
      ),
    ),
  );
  return problems.flat();
}
