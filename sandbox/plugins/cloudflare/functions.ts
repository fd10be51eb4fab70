import type { FunctionStandIn } from "../framework/stand-in.ts";
import { isObject, type Properties } from "../framework/value.ts";
import type { ApiObject, CloudflareApi } from "./api.ts";
import { outputsFrom } from "./fields.ts";
import { schema } from "./schema.ts";

const GET_ZONE = "cloudflare:index/getZone:getZone";

/** The token is a plain string, as the official function's: programs mark it secret themselves. */
export const tunnelToken: FunctionStandIn<CloudflareApi> = {
  token: "cloudflare:index/getZeroTrustTunnelCloudflaredToken:getZeroTrustTunnelCloudflaredToken",
  call: async (args, { config: api, signal }) => {
    const { accountId, tunnelId } = args as { accountId: string; tunnelId: string };
    const path = `accounts/${encodeURIComponent(accountId)}/cfd_tunnel/${encodeURIComponent(tunnelId)}/token`;
    return { accountId, tunnelId, token: (await api.call("GET", path, signal)) as string };
  },
};

/** A zone by its id, or the only one that a filter finds. */
export const getZone: FunctionStandIn<CloudflareApi> = {
  token: GET_ZONE,
  call: async (args, { config: api, signal }) => {
    const filter = isObject(args["filter"]) ? args["filter"] : undefined;
    const zoneId = filter === undefined ? args["zoneId"] : await onlyMatch(api, filter, signal);
    if (typeof zoneId !== "string" || zoneId === "")
      throw new Error("Invalid zone configuration: empty or null zone ID: give zoneId or filter");
    const found = await api.get(`zones/${encodeURIComponent(zoneId)}`, signal);
    const outputs = outputsFrom(schema.functions[GET_ZONE]?.outputs ?? {}, found);
    return { ...outputs, id: zoneId, zoneId, ...(filter !== undefined && { filter: { match: "all", ...filter } }) };
  },
};

async function onlyMatch(api: CloudflareApi, filter: Properties, signal: AbortSignal): Promise<string> {
  const query = new URLSearchParams();
  const add = (name: string, value: unknown): void => {
    if (typeof value === "string") query.set(name, value);
  };
  for (const name of ["name", "status", "match", "order", "direction"]) add(name, filter[name]);
  const account = isObject(filter["account"]) ? filter["account"] : {};
  add("account.id", account["id"]);
  add("account.name", account["name"]);
  if (Array.isArray(filter["types"])) query.set("type", filter["types"].join(","));
  const found = (await api.call("GET", `zones?${query.toString()}`, signal)) as readonly ApiObject[];
  const [first] = found;
  if (first === undefined || found.length !== 1)
    throw new Error(`failed to find exactly one result: ${found.length} found`);
  return String(first["id"]);
}
