import { bridged } from "../framework/bridged.ts";
import type { State } from "../framework/stand-in.ts";
import { isObject, type Properties, type Value } from "../framework/value.ts";
import type { ApiObject, CloudflareApi } from "./api.ts";
import { bodyFrom, importSegments, outputsFrom, withIdentity } from "./fields.ts";
import { schema } from "./schema.ts";

const TOKEN = "cloudflare:index/dnsRecord:DnsRecord";
const OUTPUTS = schema.resources[TOKEN]?.outputs ?? {};
const BODY: readonly string[] =
  "name type ttl content data proxied comment priority tags settings privateRouting".split(" ");
const CNAME_SETTINGS: Properties = { flattenCname: false, ipv4Only: false, ipv6Only: false };

interface Inputs {
  zoneId: string;
  name: string;
  type: string;
  ttl: number;
  proxied: boolean;
  content?: string;
  data?: Properties;
  comment?: string;
}
interface Outputs extends Inputs {
  createdOn: string;
  proxiable: boolean;
  meta: string;
}

/** The provider fills in a CNAME's settings, which the API leaves out when they mean nothing. */
function withSettings(outputs: Properties): Properties {
  if (outputs["type"] !== "CNAME") return outputs;
  const given = outputs["settings"];
  return { ...outputs, settings: { ...CNAME_SETTINGS, ...(isObject(given) ? given : {}) } };
}

function state(result: ApiObject, zoneId: string, planned: Properties = {}): State {
  const seen = { includeShadowMetadata: false, proxied: false, ...outputsFrom(OUTPUTS, result) };
  return withIdentity(String(result["id"]), withSettings({ ...seen, ...planned, zoneId }));
}

function path(zoneId: string, id: string): string {
  return `zones/${encodeURIComponent(zoneId)}/dns_records/${encodeURIComponent(id)}`;
}

/** Spellings that mean the same keep the old state's: short names, "@", the case of a CNAME's target. */
function plan(planned: Properties, old: Properties | undefined): Properties {
  const result: Record<string, Value> = { ...withSettings(planned) };
  const wanted = withoutDot(planned["name"]);
  const present = withoutDot(old?.["name"]);
  if (old !== undefined && wanted !== undefined && present !== undefined) {
    const apex = wanted === "@" && present !== "@" && present.includes(".");
    if (apex || present === wanted || present.startsWith(`${wanted}.`)) result["name"] = old["name"] ?? wanted;
  }
  const [content, oldContent] = [planned["content"], old?.["content"]];
  if (planned["type"] === "CNAME" && typeof content === "string" && typeof oldContent === "string")
    if (content.toLowerCase() === oldContent.toLowerCase()) result["content"] = oldContent;
  return result;
}

function withoutDot(name: Value | undefined): string | undefined {
  return typeof name === "string" ? name.replace(/\.$/, "") : undefined;
}

export const dnsRecord = bridged<CloudflareApi, Inputs & Properties, Outputs & Properties>(schema, {
  token: TOKEN,
  plan,
  keptOnUpdate: ["createdOn", "proxiable", "meta"],
  check: (inputs) =>
    inputs["content"] !== undefined && inputs["data"] !== undefined
      ? [{ path: "content", reason: "Invalid Attribute Combination. content and data cannot both be given" }]
      : [],

  create: async (inputs, { config: api, signal }) => {
    if (inputs.proxied && inputs.ttl !== 1)
      throw new Error(
        "ttl must be set to 1 when `proxied` is true: When a DNS record is marked as `proxied` the TTL must be 1 " +
          "as Cloudflare will control the TTL internally.",
      );
    const made = await api.call(
      "POST",
      `zones/${encodeURIComponent(inputs.zoneId)}/dns_records`,
      signal,
      bodyFrom(inputs, BODY),
    );
    return state(made as ApiObject, inputs.zoneId, inputs);
  },

  read: async (id, old, { config: api, signal }) => {
    const found = await api.find(path(old.zoneId, id), signal);
    return found && state(found, old.zoneId);
  },

  import: async (id, { config: api, signal }) => {
    const [zoneId = "", recordId = ""] = importSegments(id, "<zone_id>/<dns_record_id>");
    return state(await api.get(path(zoneId, recordId), signal), zoneId);
  },

  update: async (id, planned, old, { config: api, signal }) => {
    const removed = BODY.filter((name) => planned[name] === undefined && old[name] !== undefined);
    const body = { ...bodyFrom(planned, BODY), ...Object.fromEntries(removed.map((name) => [name, null])) };
    const answer = (await api.call("PUT", path(planned.zoneId, id), signal, body)) as ApiObject;
    return state(answer, planned.zoneId, planned);
  },

  delete: async (id, old, { config: api, signal }) => {
    await api.call("DELETE", path(old.zoneId, id), signal);
  },
});
