import { bridged } from "../framework/bridged.ts";
import type { State } from "../framework/stand-in.ts";
import type { Properties } from "../framework/value.ts";
import type { ApiObject, CloudflareApi } from "./api.ts";
import { importSegments, outputsFrom, withIdentity } from "./fields.ts";
import { schema } from "./schema.ts";

const TOKEN = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared";
const OUTPUTS = schema.resources[TOKEN]?.outputs ?? {};

interface Inputs {
  accountId: string;
  name: string;
  configSrc: string;
  tunnelSecret?: string;
}
interface Outputs extends Inputs {
  id: string;
}

/** Read keeps `configSrc` and `tunnelSecret` of before, whatever the API says. */
function state(result: ApiObject, kept: Partial<Inputs> & { accountId: string }): State {
  const outputs: Properties = { ...outputsFrom(OUTPUTS, result), ...kept };
  return withIdentity(String(result["id"]), outputs);
}

function path(accountId: string, id: string): string {
  return `accounts/${encodeURIComponent(accountId)}/cfd_tunnel/${encodeURIComponent(id)}`;
}

/**
 * A tunnel that carries `deleted_at` still exists for Read, as the API answers 200 for it; Delete neither closes its
 * connections nor takes a 404 for success. The official provider behaves so.
 */
export const tunnel = bridged<CloudflareApi, Inputs, Outputs>(schema, {
  token: TOKEN,
  check: ({ configSrc }) =>
    typeof configSrc === "string" && !["local", "cloudflare"].includes(configSrc.toLowerCase())
      ? [{ path: "configSrc", reason: `Invalid Attribute Value Match. Must be "local" or "cloudflare"` }]
      : [],

  create: async (inputs, { config: api, signal }) => {
    const body = { name: inputs.name, config_src: inputs.configSrc, tunnel_secret: inputs.tunnelSecret };
    const made = await api.call("POST", `accounts/${encodeURIComponent(inputs.accountId)}/cfd_tunnel`, signal, body);
    return state(made as ApiObject, inputs);
  },

  read: async (id, old, { config: api, signal }) => {
    const { accountId, configSrc, tunnelSecret } = old;
    const found = await api.find(path(accountId, id), signal);
    return found && state(found, { accountId, configSrc, ...(tunnelSecret !== undefined && { tunnelSecret }) });
  },

  import: async (id, { config: api, signal }) => {
    const [accountId = "", tunnelId = ""] = importSegments(id, "<account_id>/<tunnel_id>");
    return state(await api.get(path(accountId, tunnelId), signal), { accountId });
  },

  update: async (id, planned, old, { config: api, signal }) => {
    const body = {
      ...(planned.name !== old.name && { name: planned.name }),
      ...(planned.configSrc !== old.configSrc && { config_src: planned.configSrc }),
      ...(planned.tunnelSecret !== old.tunnelSecret && { tunnel_secret: planned.tunnelSecret ?? null }),
    };
    return state((await api.call("PATCH", path(planned.accountId, id), signal, body)) as ApiObject, planned);
  },

  delete: async (id, old, { config: api, signal }) => {
    await api.call("DELETE", path(old.accountId, id), signal);
  },
});
