import type { PackageSchema, PropertySpecs, ResourceSchema, Type } from "./package-schema.ts";

type Json = Record<string, unknown>;

/** The package's schema in Pulumi's own form, for tools that ask the plugin (`pulumi package get-schema`). */
export function pulumiSchema(schema: PackageSchema): Json {
  const types: Json = {};
  const properties = (specs: PropertySpecs): Json =>
    Object.fromEntries(
      Object.entries(specs).map(([name, spec]) => [
        name,
        {
          ...typeSpec(spec.type),
          ...(spec.secret && { secret: true }),
          ...(spec.replace && { willReplaceOnChanges: true }),
        },
      ]),
    );
  const typeSpec = (type: Type): Json => {
    switch (type.kind) {
      case "array":
        return { type: "array", items: typeSpec(type.of) };
      case "map":
        return { type: "object", additionalProperties: typeSpec(type.of) };
      case "object": {
        const token = `${schema.name}:index/${type.name}:${type.name}`;
        types[token] ??= {
          type: "object",
          properties: properties(type.properties),
          required: required(type.properties),
        };
        return { $ref: `#/types/${token}` };
      }
      case "enum":
        return { type: "string" };
      case "any":
        return { $ref: "pulumi.json#/Any" };
      case "asset":
        return { $ref: "pulumi.json#/Asset" };
      case "archive":
        return { $ref: "pulumi.json#/Archive" };
      default:
        return { type: type.kind };
    }
  };
  const resource = (of: ResourceSchema): Json => ({
    inputProperties: properties(of.inputs),
    requiredInputs: required(of.inputs),
    properties: properties(of.outputs),
    required: required(of.outputs),
  });
  const invoke = (of: ResourceSchema): Json => ({
    inputs: { type: "object", properties: properties(of.inputs), required: required(of.inputs) },
    outputs: { type: "object", properties: properties(of.outputs), required: required(of.outputs) },
  });
  const resources = mapValues(schema.resources, resource);
  const functions = mapValues(schema.functions, invoke);
  const provider = { inputProperties: properties(schema.config) };
  return { name: schema.name, version: schema.version, types, provider, resources, functions };
}

function required(specs: PropertySpecs): string[] {
  return Object.keys(specs).filter((name) => specs[name]?.required === true);
}

function mapValues<T>(of: Readonly<Record<string, T>>, convert: (value: T) => Json): Json {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, convert(value)]));
}
