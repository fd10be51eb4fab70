import type { PropertySpecs } from "./package-schema.ts";
import {
  containsSecret,
  equal,
  isObject,
  plain,
  plainProperties,
  Secret,
  type Properties,
  type Value,
} from "./value.ts";

/**
 * Puts the marks of secrecy back on what resource code returned. An output that mirrors an input (or the old state)
 * carries its marks exactly; one that differs from a marked input is secret as a whole; what the schema calls secret
 * always is. The engine treats providers that know no secrets the same way (annotateSecrets in pulumi/pulumi).
 */
export function remark(outputs: Properties, like: readonly Properties[], specs: PropertySpecs): Properties {
  const marked = Object.entries(outputs).map(([name, value]): [string, Value] => {
    const models = like.map((properties) => properties[name]).filter((model) => model !== undefined);
    const remarked = models.reduce(remarkValue, value);
    const always = specs[name]?.secret === true && !(remarked instanceof Secret);
    return [name, always ? new Secret(remarked) : remarked];
  });
  return Object.fromEntries(marked);
}

function remarkValue(value: Value, model: Value): Value {
  if (value instanceof Secret || !containsSecret(model)) return value;
  if (equal(plain(value), plain(model))) return model;
  if (isObject(value) && isObject(model)) return remark(plainProperties(value), [model], {});
  return new Secret(value);
}
