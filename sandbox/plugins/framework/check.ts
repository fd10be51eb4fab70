import type { PropertySpec, PropertySpecs, Type } from "./package-schema.ts";
import { Archive, Asset, isAbsent, isArray, isObject, Secret, Unknown, type Properties, type Value } from "./value.ts";

/** Something wrong with an input, and where: `config.ingresses[0].service`. */
export interface Failure {
  path: string;
  reason: string;
}

/** All that is wrong with properties: unknown names, missing ones, wrong types. Unknowns fit any type. */
export function checkProperties(specs: PropertySpecs, properties: Properties, path = ""): Failure[] {
  const failures: Failure[] = [];
  for (const [name, value] of Object.entries(properties)) {
    const spec = specs[name];
    if (name.startsWith("__") || isAbsent(value)) continue;
    if (spec === undefined) failures.push({ path: join(path, name), reason: unknownName(name, specs) });
    else failures.push(...checkValue(spec.type, value, join(path, name)));
  }
  for (const [name, spec] of Object.entries(specs))
    if (spec.required && isAbsent(properties[name]))
      failures.push({ path: join(path, name), reason: "Missing required property" });
  return failures;
}

/** Inputs without absent values; schema defaults are filled in at any depth where they belong to the inputs. */
export function complete(specs: PropertySpecs, properties: Properties, fillDefaults: boolean): Properties {
  const completed: Record<string, Value> = {};
  for (const [name, value] of Object.entries(properties))
    if (!isAbsent(value)) completed[name] = completeValue(specs[name]?.type, value, fillDefaults);
  if (fillDefaults)
    for (const [name, spec] of Object.entries(specs))
      if (spec.default !== undefined && completed[name] === undefined) completed[name] = spec.default;
  return completed;
}

function completeValue(type: Type | undefined, value: Value, fillDefaults: boolean): Value {
  if (value instanceof Secret) return new Secret(completeValue(type, value.value, fillDefaults));
  if (isArray(value))
    return value.map((element) => completeValue(type?.kind === "array" ? type.of : undefined, element, fillDefaults));
  if (!isObject(value)) return value;
  return complete(type?.kind === "object" ? type.properties : {}, value, fillDefaults);
}

/** Marks as secret what the schema says is secret, to any depth. */
export function markBySchema(specs: PropertySpecs, properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, markValue(specs[name], value)]));
}

function markValue(spec: PropertySpec | undefined, value: Value): Value {
  if (spec === undefined) return value;
  const inner = value instanceof Secret ? value.value : value;
  const marked = spec.type.kind === "object" && isObject(inner) ? markBySchema(spec.type.properties, inner) : inner;
  return spec.secret || value instanceof Secret ? new Secret(marked) : marked;
}

function checkValue(type: Type, value: Value, path: string): Failure[] {
  if (value instanceof Secret) return checkValue(type, value.value, path);
  if (value instanceof Unknown || type.kind === "any") return [];
  const wrong = (expected: string): Failure[] => [{ path, reason: `Expected ${expected}, got ${nameOf(value)}` }];
  switch (type.kind) {
    case "string":
    case "boolean":
    case "number":
      return typeof value === type.kind ? [] : wrong(`a ${type.kind}`);
    case "integer":
      return typeof value === "number" && Number.isInteger(value) ? [] : wrong("an integer");
    case "enum":
      return typeof value === "string" && type.values.includes(value) ? [] : wrong(`one of ${type.values.join(", ")}`);
    case "asset":
      return value instanceof Asset || value instanceof Archive ? [] : wrong("an asset or archive");
    case "archive":
      return value instanceof Archive ? [] : wrong("an archive");
    case "array":
      if (!isArray(value)) return wrong("an array");
      return value.flatMap((element, index) => checkValue(type.of, element, `${path}[${index}]`));
    case "map":
      if (!isObject(value)) return wrong("an object");
      return Object.entries(value).flatMap(([key, element]) => checkValue(type.of, element, join(path, key)));
    case "object":
      return isObject(value) ? checkProperties(type.properties, value, path) : wrong("an object");
  }
}

function unknownName(name: string, specs: PropertySpecs): string {
  const near = Object.keys(specs).find((known) => known.toLowerCase() === name.toLowerCase());
  return near === undefined ? "Invalid or unknown key" : `Invalid or unknown key; did you mean "${near}"?`;
}

/** Values are not shown: they may be secret. */
function nameOf(value: Value): string {
  if (isArray(value)) return "an array";
  if (value instanceof Asset) return "an asset";
  if (value instanceof Archive) return "an archive";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** A property path as the engine writes it. */
export function join(path: string, name: string): string {
  if (!/^[A-Za-z_][\w-]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}
