import { bridged } from "../framework/bridged.ts";
import type { Call, State } from "../framework/stand-in.ts";
import { isArray, isObject, type Properties, type Value } from "../framework/value.ts";
import type { ApiObject, CloudflareApi } from "./api.ts";
import { importSegments, withIdentity } from "./fields.ts";
import { schema } from "./schema.ts";

interface Inputs {
  accountId: string;
  tunnelId: string;
  config?: Properties;
  source?: string;
}

// The API's own names are camel case here; Pulumi pluralises lists and spells abbreviations as words.
const API_NAMES: Readonly<Record<string, string>> = {
  ingresses: "ingress",
  audTags: "audTag",
  matchSnItoHost: "matchSNItoHost",
  noTlsVerify: "noTLSVerify",
};
const PULUMI_NAMES = Object.fromEntries(Object.entries(API_NAMES).map(([pulumi, api]) => [api, pulumi]));

/** Every field that the API answers becomes state, whether the program set it or not: extras show as drift. */
function state(result: ApiObject, of: Pick<Inputs, "accountId" | "tunnelId">, config?: Properties): State {
  const outputs = {
    accountId: of.accountId,
    tunnelId: of.tunnelId,
    config: config ?? renamed((result["config"] ?? {}) as Value, PULUMI_NAMES),
    createdAt: result["created_at"],
    source: result["source"],
    version: result["version"],
  };
  return withIdentity(of.tunnelId, present(outputs));
}

function present(of: Record<string, unknown>): Properties {
  return Object.fromEntries(
    Object.entries(of).filter(([, value]) => value !== undefined && value !== null),
  ) as Properties;
}

function renamed(value: Value, names: Readonly<Record<string, string>>): Value {
  if (isArray(value)) return value.map((element) => renamed(element, names));
  if (!isObject(value)) return value;
  const given = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(given.map(([name, inner]) => [names[name] ?? name, renamed(inner, names)]));
}

function path({ accountId, tunnelId }: Pick<Inputs, "accountId" | "tunnelId">): string {
  return `accounts/${encodeURIComponent(accountId)}/cfd_tunnel/${encodeURIComponent(tunnelId)}/configurations`;
}

async function put(inputs: Inputs, { config: api, signal }: Call<CloudflareApi>): Promise<State> {
  const config = inputs.config === undefined ? undefined : renamed(inputs.config, API_NAMES);
  const body = { config, source: inputs.source };
  const answer = (await api.call("PUT", path(inputs), signal, body)) as ApiObject;
  return state(answer, inputs, inputs.config);
}

/** Deleting is forgetting: the API has no call for it, and the configuration goes with its tunnel. */
export const tunnelConfig = bridged<CloudflareApi, Inputs, Inputs>(schema, {
  token: "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig",
  create: put,
  read: async (_id, old, { config: api, signal }) => {
    const found = await api.find(path(old), signal);
    return found && state(found, old);
  },
  import: async (id, { config: api, signal }) => {
    const [accountId = "", tunnelId = ""] = importSegments(id, "<account_id>/<tunnel_id>");
    return state(await api.get(path({ accountId, tunnelId }), signal), { accountId, tunnelId });
  },
  update: async (_id, planned, _old, call) => await put(planned, call),
  delete: async () => {},
});
