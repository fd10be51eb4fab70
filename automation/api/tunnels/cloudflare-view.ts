import Cloudflare from "cloudflare";
import type { PlatformSettings } from "../../../components/settings/platform-settings.ts";
import type { CloudflareBudget } from "../../cloudflare/budget.ts";
import { meteredFetch, retryAfterMs } from "../../cloudflare/metered-fetch.ts";
import { ApiError } from "../problem.ts";

/** A tunnel as Cloudflare sees it. */
export interface CloudflareView {
  readonly id: string;
  readonly name: string;
  /** `deleted` is ours: the API still answers for a deleted tunnel. */
  readonly status: "healthy" | "degraded" | "inactive" | "down" | "deleted";
  readonly createdAt: string | null;
  readonly connectors: readonly ConnectorView[];
}

export interface ConnectorView {
  readonly id: string;
  readonly version: string | null;
  readonly since: string | null;
  readonly connections: readonly {
    readonly id: string;
    readonly colo: string;
    readonly since: string | null;
    readonly originIp: string | null;
  }[];
}

/** Cloudflare's side of a tunnel. Throws 502 when Cloudflare cannot be asked; undefined when it knows no such tunnel. */
export type CloudflareTunnels = (
  tunnel: { readonly id: string | null; readonly name: string },
  signal?: AbortSignal,
) => Promise<CloudflareView | undefined>;

/** Somebody is looking at a page: a moment, no more. */
const PATIENCE_MS = 2_000;

type Settings = Pick<PlatformSettings, "cloudflare" | "cloudflareApiToken">;

/** Asks with the official client, from the platform's budget of calls. Few retries and a short timeout: somebody is looking at a page. */
export function cloudflareTunnels(
  platform: () => Settings | Promise<Settings>,
  budget: Pick<CloudflareBudget, "spend" | "pause">,
): CloudflareTunnels {
  let client: { of: string; api: Cloudflare } | undefined;
  const current = async (): Promise<{ api: Cloudflare; account_id: string }> => {
    const { cloudflare, cloudflareApiToken: apiToken } = await platform();
    const { accountId: account_id, baseUrl } = cloudflare;
    const of = JSON.stringify([account_id, baseUrl, apiToken]); // a rotated token makes a new client
    if (client?.of !== of) {
      client = {
        of,
        api: new Cloudflare({
          apiToken,
          maxRetries: 1,
          timeout: 8_000,
          fetch: meteredFetch(
            () => budget.spend(account_id, { purpose: "view", calls: 1, importance: "background" }, PATIENCE_MS),
            (ms) => budget.pause(account_id, ms),
          ),
          ...(baseUrl === undefined ? {} : { baseURL: baseUrl }),
        }),
      };
    }
    return { api: client.api, account_id };
  };

  return async ({ id, name }, signal) => {
    const { api, account_id } = await current();
    const options = signal === undefined ? {} : { signal };
    try {
      const tunnel =
        id === null
          ? await byName(api, account_id, name, options)
          : await api.zeroTrust.tunnels.cloudflared.get(id, { account_id }, options);
      if (tunnel?.id === undefined) return undefined;
      const status = tunnel.deleted_at == null ? (tunnel.status ?? "inactive") : "deleted";
      const seen =
        status === "deleted"
          ? []
          : (await api.zeroTrust.tunnels.cloudflared.connections.get(tunnel.id, { account_id }, options)).result;
      return {
        id: tunnel.id,
        name: tunnel.name ?? name,
        status,
        createdAt: tunnel.created_at ?? null,
        connectors: (seen ?? []).map(asConnector),
      };
    } catch (error) {
      if (error instanceof Cloudflare.NotFoundError) return undefined;
      throw refused(error);
    }
  };
}

async function byName(
  api: Cloudflare,
  account_id: string,
  name: string,
  options: { signal?: AbortSignal },
): Promise<Tunnel | undefined> {
  for await (const tunnel of api.zeroTrust.tunnels.cloudflared.list({ account_id, name, is_deleted: false }, options)) {
    if (tunnel.name === name) return tunnel;
  }
  return undefined;
}

type Tunnel = Awaited<ReturnType<Cloudflare["zeroTrust"]["tunnels"]["cloudflared"]["get"]>>;
type Client = NonNullable<
  Awaited<ReturnType<Cloudflare["zeroTrust"]["tunnels"]["cloudflared"]["connections"]["get"]>>["result"]
>[number];

function asConnector(client: Client): ConnectorView {
  return {
    id: client.id ?? "",
    version: client.version ?? null,
    since: client.run_at ?? null,
    connections: (client.conns ?? []).map((connection) => ({
      id: connection.id ?? connection.uuid ?? "",
      colo: connection.colo_name ?? "",
      since: connection.opened_at ?? null,
      originIp: connection.origin_ip ?? null,
    })),
  };
}

/** In words of ours: the client's error holds the request's headers' answers, and its text is not made for callers. */
function refused(error: unknown): Error {
  if (!(error instanceof Cloudflare.APIError)) return error as Error;
  const status = error.status as number | undefined;
  if (error instanceof Cloudflare.APIUserAbortError) return error;
  if (status === 401 || status === 403) {
    return new ApiError(
      502,
      "CloudflareRefused",
      "Cloudflare refused",
      "Cloudflare does not accept the platform's token for this.",
      {
        remedy:
          'Check the token of the platform\'s configuration ("cloudflareApiToken"): it needs Account / Cloudflare Tunnel / Read and Edit.',
        cause: error,
      },
    );
  }
  const busy = status === 429;
  const told = busy ? retryAfterMs(error.headers as Headers) : undefined;
  return new ApiError(
    502,
    "CloudflareUnavailable",
    "Cloudflare does not answer",
    busy ? "Cloudflare's request limit is reached." : `Cloudflare answered ${status ?? "nothing"}.`,
    {
      headers: { "retry-after": busy ? String(Math.ceil((told ?? 60_000) / 1_000)) : "10" },
      cause: error,
    },
  );
}
