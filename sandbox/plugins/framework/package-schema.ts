import { readFileSync } from "node:fs";
import type { Value } from "./value.ts";

/**
 * What a property may hold. In schema.json: `string`, `boolean`, `integer`, `number`, `any`, `asset` (asset or
 * archive), the name of one of the package's types or enumerations, or one of these followed by `[]` or `{}`.
 */
export type Type =
  | { kind: "string" | "boolean" | "integer" | "number" | "any" | "asset" | "archive" }
  | { kind: "array" | "map"; of: Type }
  | { kind: "object"; name: string; properties: PropertySpecs }
  | { kind: "enum"; values: readonly string[] };

/** A property of schema.json: its type and then flags, such as `string required replace`. */
export interface PropertySpec {
  type: Type;
  required: boolean;
  secret: boolean;
  /** A change replaces the resource. */
  replace: boolean;
  /** Chosen by the service when the program does not say. */
  computed: boolean;
  /** Order means nothing. */
  set: boolean;
  /** Sent and then forgotten: neither in the state nor in comparisons. */
  writeOnly: boolean;
  /** Named after the resource, with a random suffix, when the program does not say. */
  autoname: boolean;
  /** What the provider plans when the program does not say; from `default=<JSON>`. */
  default: Value | undefined;
}
export type PropertySpecs = Readonly<Record<string, PropertySpec>>;

export interface ResourceSchema {
  inputs: PropertySpecs;
  outputs: PropertySpecs;
}

/**
 * What the official provider is made with decides how it treats defaults and zero values:
 * - terraform-sdk: defaults are planned, zero values ("", 0, false, []) count as absent;
 * - terraform-framework: defaults are planned, any update makes computed outputs unknown in previews;
 * - go-provider: defaults are written into the inputs, and inputs are compared with inputs.
 */
export type MadeWith = "terraform-sdk" | "terraform-framework" | "go-provider";

export interface PackageSchema {
  name: string;
  /** Version of the official plugin whose place is taken. */
  version: string;
  madeWith: MadeWith;
  config: PropertySpecs;
  resources: Readonly<Record<string, ResourceSchema>>;
  functions: Readonly<Record<string, ResourceSchema>>;
}

type Notation = Record<string, string>;
interface SchemaFile {
  name: string;
  version: string;
  madeWith: MadeWith;
  config: Notation;
  resources: Record<string, { inputs: Notation; outputs: Notation }>;
  functions: Record<string, { inputs: Notation; outputs: Notation }>;
  types: Record<string, Notation>;
  enums?: Record<string, string[]>;
}

/** Reads a package's compact table. Throws on a type or flag that it does not know. */
export function readSchema(file: URL): PackageSchema {
  return parseSchema(JSON.parse(readFileSync(file, "utf8")) as SchemaFile);
}

export function parseSchema(file: SchemaFile): PackageSchema {
  const known = new Map<string, Type>();
  const typeOf = (notation: string): Type => {
    if (notation.endsWith("[]")) return { kind: "array", of: typeOf(notation.slice(0, -2)) };
    if (notation.endsWith("{}")) return { kind: "map", of: typeOf(notation.slice(0, -2)) };
    if (SIMPLE.has(notation)) return { kind: notation as "string" };
    const seen = known.get(notation);
    if (seen !== undefined) return seen;
    const values = file.enums?.[notation];
    const fields = file.types[notation];
    if (values !== undefined) return { kind: "enum", values };
    if (fields === undefined) throw new Error(`${file.name}/schema.json: no type "${notation}"`);
    const type: Type = { kind: "object", name: notation, properties: specsOf(fields) };
    known.set(notation, type);
    return type;
  };
  const specsOf = (notations: Notation): PropertySpecs =>
    Object.fromEntries(Object.entries(notations).map(([name, notation]) => [name, parseProperty(notation, typeOf)]));
  const both = (of: Record<string, { inputs: Notation; outputs: Notation }>): Record<string, ResourceSchema> =>
    Object.fromEntries(
      Object.entries(of).map(([token, each]) => [
        token,
        { inputs: specsOf(each.inputs), outputs: specsOf(each.outputs) },
      ]),
    );
  return {
    name: file.name,
    version: file.version,
    madeWith: file.madeWith,
    config: specsOf(file.config),
    resources: both(file.resources),
    functions: both(file.functions),
  };
}

const SIMPLE = new Set(["string", "boolean", "integer", "number", "any", "asset", "archive"]);
const FLAGS = new Set(["required", "secret", "replace", "computed", "set", "writeOnly", "autoname"]);

function parseProperty(notation: string, typeOf: (notation: string) => Type): PropertySpec {
  const [type = "", ...words] = notation.split(" ");
  const flags = new Set(words.filter((word) => !word.startsWith("default=")));
  const stray = [...flags].find((flag) => !FLAGS.has(flag));
  if (stray !== undefined) throw new Error(`schema.json: no flag "${stray}" in "${notation}"`);
  const defaults = words.find((word) => word.startsWith("default="));
  return {
    type: typeOf(type),
    required: flags.has("required"),
    secret: flags.has("secret"),
    replace: flags.has("replace"),
    computed: flags.has("computed"),
    set: flags.has("set"),
    writeOnly: flags.has("writeOnly"),
    autoname: flags.has("autoname"),
    default: defaults === undefined ? undefined : (JSON.parse(defaults.slice("default=".length)) as Value),
  };
}
