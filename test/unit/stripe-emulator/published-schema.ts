import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** Stripe's own mock server is a Go module that carries the published OpenAPI description and its fixtures. */
const MODULE = "github.com/stripe/stripe-mock@v0.203.0";
/** Of the module's content, as in a go.sum. */
const SUM = "h1:EzW7nb/fphqcAkgVRHAaC88OaAZo6SBWSl54cflDTio=";

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly maxLength?: number;
}

export interface PublishedSchema {
  /** Of the API: older than the package's by one release. */
  readonly version: string;
  /** How an object differs from the schema of that name: unknown, missing and wrong properties, each with its path. */
  differences(name: string, value: unknown): string[];
  /** An example of Stripe's. */
  fixture(name: string): Record<string, unknown>;
}

/** From the Go module proxy or its cache, or why it cannot be had. Throws when the module is not the pinned one. */
export async function publishedSchema(): Promise<PublishedSchema | string> {
  const module = await download();
  if (typeof module === "string") return module;
  if (module.Sum !== SUM) throw new Error(`${MODULE} has the checksum ${module.Sum}, not ${SUM}`);
  const folder = module.Dir;
  const read = async (file: string): Promise<unknown> =>
    JSON.parse(await readFile(`${folder}/embedded/openapi/${file}`, "utf8"));
  const spec = (await read("spec3.json")) as {
    info: { version: string };
    components: { schemas: Record<string, Schema> };
  };
  const fixtures = (await read("fixtures3.json")) as { resources: Record<string, Record<string, unknown>> };
  const named = (name: string): Schema => {
    const found = spec.components.schemas[name];
    if (found === undefined) throw new Error(`no schema "${name}"`);
    return found;
  };
  return {
    version: spec.info.version,
    differences: (name, value) => compare(named, named(name), value, name),
    fixture: (name) => {
      const found = fixtures.resources[name];
      if (found === undefined) throw new Error(`no fixture "${name}"`);
      return found;
    },
  };
}

async function download(): Promise<{ Dir: string; Sum: string } | string> {
  try {
    const command = ["mod", "download", "-json", MODULE];
    const { stdout } = await promisify(execFile)("go", command, { cwd: "/", timeout: 50_000 });
    return JSON.parse(stdout) as { Dir: string; Sum: string };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      return "Stripe's published schema comes as a Go module: install Go";
    return `Stripe's published schema could not be downloaded as a Go module: ${(error as Error).message}`;
  }
}

type Named = (name: string) => Schema;

function compare(named: Named, schema: Schema, value: unknown, path: string): string[] {
  if (schema.$ref !== undefined)
    return compare(named, named(schema.$ref.slice("#/components/schemas/".length)), value, path);
  if (value === null) return schema.nullable === true ? [] : [`${path}: is null`];
  if (schema.anyOf !== undefined) {
    const tries = schema.anyOf.map((one) => compare(named, one, value, path));
    return tries.toSorted((a, b) => a.length - b.length)[0] ?? [];
  }
  const problems: string[] = [];
  if (schema.enum !== undefined && !schema.enum.includes(value))
    problems.push(`${path}: ${JSON.stringify(value)} is not one of ${schema.enum.join(", ")}`);
  if (schema.type !== undefined && schema.type !== typeOf(value, schema.type))
    return [`${path}: is ${typeof value}, not ${schema.type}`];
  if (schema.maxLength !== undefined && typeof value === "string" && value.length > schema.maxLength)
    problems.push(`${path}: is longer than ${schema.maxLength}`);
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined
      ? problems
      : [...problems, ...value.flatMap((one, index) => compare(named, items, one, `${path}[${index}]`))];
  }
  if (typeof value !== "object") return problems;
  for (const name of schema.required ?? []) if (!(name in value)) problems.push(`${path}.${name}: is missing`);
  for (const [name, inner] of Object.entries(value)) {
    const property =
      schema.properties?.[name] ??
      (typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined);
    if (property !== undefined) problems.push(...compare(named, property, inner, `${path}.${name}`));
    else if (schema.properties !== undefined) problems.push(`${path}.${name}: is unknown`);
  }
  return problems;
}

/** The schema's word for the value's type. */
function typeOf(value: unknown, wanted: string): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "number" && Number.isInteger(value) && wanted === "integer") return "integer";
  return typeof value;
}
