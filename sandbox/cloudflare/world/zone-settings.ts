import { ApiError, NotEmulated } from "./api-error.ts";
import type { Zone } from "./zones.ts";

/** The settings that are known, with the values they may have; the first is the default. They change nothing here. */
const VALUES: Readonly<Record<string, readonly [string, ...string[]]>> = {
  ssl: ["full", "off", "flexible", "strict"],
  always_use_https: ["off", "on"],
  automatic_https_rewrites: ["on", "off"],
  min_tls_version: ["1.0", "1.1", "1.2", "1.3"],
  tls_1_3: ["on", "off", "zrt"],
  websockets: ["on", "off"],
  http3: ["on", "off"],
  "0rtt": ["off", "on"],
  brotli: ["on", "off"],
};

export function readSetting(zone: Zone, id: string) {
  const [byDefault] = allowed(id);
  const changed = zone.settings[id];
  return { id, value: changed?.value ?? byDefault, editable: true, modified_on: changed?.modifiedOn ?? null };
}

/** Returns the zone's settings with this one changed. Throws 1007. */
export function changeSetting(zone: Zone, id: string, value: unknown, modifiedOn: string): Zone["settings"] {
  const values = allowed(id);
  if (typeof value !== "string" || !values.includes(value))
    throw new ApiError(400, 1007, `Invalid value for zone setting ${id}: it can be ${values.join(", ")}`);
  return { ...zone.settings, [id]: { value, modifiedOn } };
}

function allowed(id: string) {
  const values = VALUES[id];
  if (!values) throw new NotEmulated(`zone setting ${id}`);
  return values;
}
