import type { PropertySpecs, Type } from "../framework/package-schema.ts";
import type { Properties, Value } from "../framework/value.ts";
import type { ApiObject } from "./api.ts";

/** Version of the official provider's state schema; without it, it would take the state for one of its version 4. */
const STATE_META = JSON.stringify({ schema_version: "500" });

/** Outputs of a resource from the API's answer: the schema's properties under their Pulumi names, without nulls. */
export function outputsFrom(specs: PropertySpecs, result: ApiObject): Properties {
  const found = Object.entries(specs).flatMap(([name, spec]): [string, Value][] => {
    const value = result[snakeCase(name)];
    return value === undefined || value === null ? [] : [[name, valueFrom(spec.type, value)]];
  });
  return Object.fromEntries(found);
}

/** What every resource's state has besides its properties. */
export function withIdentity(id: string, outputs: Properties): { id: string; outputs: Properties } {
  return { id, outputs: { ...outputs, id, __meta: STATE_META } };
}

function valueFrom(type: Type, value: unknown): Value {
  if (type.kind === "array" && Array.isArray(value))
    return value.map((element: unknown) => valueFrom(type.of, element));
  if (type.kind === "object") return outputsFrom(type.properties, value as ApiObject);
  // `meta` and `metadata` are free-form objects that the provider keeps as JSON.
  if (type.kind === "string" && typeof value === "object") return JSON.stringify(value);
  return value as Value;
}

/** `accountTag` → `account_tag`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A body for the API: named values under their API names; absent ones are left out. */
export function bodyFrom(properties: Properties, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [snakeCase(name), apiValue(properties[name])]));
}

function apiValue(value: Value | undefined): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [snakeCase(name), inner]));
}

/** The segments of an import id, such as `<account_id>/<tunnel_id>`. Throws when it has another form. */
export function importSegments(id: string, form: string): string[] {
  const segments = id.split("/");
  const wanted = form.split("/").length;
  if (segments.length !== wanted || segments.some((segment) => segment === ""))
    throw new Error(`invalid ID: expected urlencoded segments "${form}", got "${id}"`);
  return segments.map((segment) => decodeURIComponent(segment));
}
