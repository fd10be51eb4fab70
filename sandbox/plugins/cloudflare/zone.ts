import { bridged } from "../framework/bridged.ts";
import type { State } from "../framework/stand-in.ts";
import { equal, type Properties } from "../framework/value.ts";
import type { ApiObject, CloudflareApi } from "./api.ts";
import { bodyFrom, outputsFrom, snakeCase, withIdentity } from "./fields.ts";
import { schema } from "./schema.ts";

const TOKEN = "cloudflare:index/zone:Zone";
const OUTPUTS = schema.resources[TOKEN]?.outputs ?? {};
const UPDATABLE = ["paused", "type", "vanityNameServers"] as const;

interface Inputs {
  name: string;
  account: Properties;
}

function state(result: ApiObject, planned: Properties = {}): State {
  const { id } = result;
  if (typeof id !== "string" || id === "") throw new Error("Zone API returned empty or null zone ID");
  return withIdentity(id, { ...outputsFrom(OUTPUTS, result), ...planned });
}

export const zone = bridged<CloudflareApi, Inputs & Properties, Inputs & Properties>(schema, {
  token: TOKEN,
  create: async (inputs, { config: api, signal }) => {
    const body = bodyFrom(inputs, ["name", "account", ...UPDATABLE]);
    return state((await api.call("POST", "zones", signal, body)) as ApiObject, inputs);
  },
  read: async (id, _old, { config: api, signal }) => {
    const found = await api.find(`zones/${encodeURIComponent(id)}`, signal);
    return found && state(found);
  },
  import: async (id, { config: api, signal }) => state(await api.get(`zones/${encodeURIComponent(id)}`, signal)),
  update: async (id, planned, old, { config: api, signal }) => {
    const changed = UPDATABLE.filter((name) => !equal(planned[name], old[name]));
    const body = Object.fromEntries(changed.map((name) => [snakeCase(name), planned[name] ?? null]));
    return state((await api.call("PATCH", `zones/${encodeURIComponent(id)}`, signal, body)) as ApiObject, planned);
  },
  delete: async (id, _old, { config: api, signal }) => {
    await api.call("DELETE", `zones/${encodeURIComponent(id)}`, signal);
  },
});
