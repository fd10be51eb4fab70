import { compareValue, type Change, type Difference } from "./difference.ts";
import type { PackageSchema, PropertySpec, ResourceSchema } from "./package-schema.ts";
import {
  containsUnknown,
  equal,
  isAbsent,
  isArray,
  isEmpty,
  isObject,
  isZero,
  plain,
  plainProperties,
  UNKNOWN,
  Unknown,
  type Properties,
  type Value,
} from "./value.ts";

/**
 * How providers made with Terraform's SDKs see an update: a planned state is made of the inputs, the defaults and,
 * for what the service chooses, the old state; it is compared with the old state (outputs), not with old inputs.
 */
export interface Planning {
  schema: ResourceSchema;
  madeWith: PackageSchema["madeWith"];
  /** The provider's own changes to a plan: spellings that mean the same, fields that follow from others. */
  plan?: ((planned: Properties, old: Properties | undefined) => Properties) | undefined;
  /** Computed outputs that no update changes (previews show the rest as unknown). */
  keptOnUpdate?: readonly string[] | undefined;
  deleteBeforeReplace?: "always" | "when-named" | "never" | undefined;
}

/** Planned value of every input property; absent where nothing is planned. */
export function plannedInputs(planning: Planning, inputs: Properties, old: Properties | undefined): Properties {
  const planned: Record<string, Value> = {};
  for (const [name, spec] of Object.entries(planning.schema.inputs)) {
    const value =
      inputs[name] ?? spec.default ?? (spec.computed ? (old === undefined ? UNKNOWN : old[name]) : undefined);
    if (!isAbsent(value)) planned[name] = value;
  }
  return planning.plan?.(planned, old) ?? planned;
}

export function plannedDifference(planning: Planning, old: Properties, markedInputs: Properties): Difference {
  const inputs = plainProperties(markedInputs);
  const before = plainProperties(old);
  const planned = plannedInputs(planning, inputs, before);
  const changes = new Map<string, Change>();
  for (const [name, spec] of Object.entries(planning.schema.inputs)) {
    if (spec.writeOnly) continue;
    const found = new Map<string, Change["kind"]>();
    if (spec.set && isArray(planned[name]) && isArray(before[name])) {
      if (!sameSet(planned[name], before[name])) found.set(name, "update");
    } else compareValue(name, before[name], planned[name], sameAs(planning, spec), found);
    for (const [path, kind] of found) changes.set(path, { kind, replace: spec.replace });
  }
  const replaces = [...changes.values()].some((change) => change.replace);
  return { changes, deleteBeforeReplace: replaces && goesFirst(planning, inputs, before) };
}

/** Outputs as far as they are known before anything is done. */
export function plannedOutputs(planning: Planning, inputs: Properties, old: Properties | undefined): Properties {
  const planned = plannedInputs(planning, inputs, old);
  const recomputed = planning.madeWith === "terraform-framework";
  const outputs: Record<string, Value> = { id: old?.["id"] ?? UNKNOWN };
  for (const [name, spec] of Object.entries(planning.schema.outputs)) {
    const input = planning.schema.inputs[name];
    if (input?.writeOnly === true) continue;
    const kept = old !== undefined && (!recomputed || planning.keptOnUpdate?.includes(name) === true);
    const value = input !== undefined ? planned[name] : kept ? old[name] : spec.required ? UNKNOWN : undefined;
    if (!isAbsent(value)) outputs[name] = value;
  }
  return outputs;
}

/**
 * Inputs that would lead to the outputs read. After a refresh only those that the program gave are looked at; for an
 * import all that differ from defaults and zero values.
 */
export function inputsFromOutputs(
  schema: ResourceSchema,
  outputs: Properties,
  old: Properties | undefined,
): Properties {
  if (old !== undefined) return restrict(old, outputs);
  const imported: Record<string, Value> = {};
  for (const [name, spec] of Object.entries(schema.inputs)) {
    const value = outputs[name];
    if (value === undefined || (spec.default === undefined ? isZero(value) : equal(value, spec.default))) continue;
    imported[name] = value;
  }
  return imported;
}

/** Like old, with the values of now; what is gone goes. */
function restrict(old: Properties, now: Properties): Properties {
  const kept = Object.entries(old).filter(([name]) => !name.startsWith("__") && !isAbsent(now[name]));
  return Object.fromEntries(kept.map(([name, value]) => [name, restrictValue(value, now[name] ?? null)]));
}

function restrictValue(old: Value, now: Value): Value {
  const before = plain(old);
  if (isObject(before) && isObject(now)) return restrict(before, now);
  if (isArray(before) && isArray(now))
    return now.map((element, index) =>
      index < before.length ? restrictValue(before[index] ?? null, element) : element,
    );
  return now;
}

function sameAs(planning: Planning, spec: PropertySpec): (a: Value | undefined, b: Value | undefined) => boolean {
  const zeroIsAbsent = planning.madeWith === "terraform-sdk";
  return (a, b) => {
    if (containsUnknown(b)) return false;
    if (equal(a, b)) return true;
    if (zeroIsAbsent) return isZero(a) && isZero(b);
    return spec.computed && isEmpty(a) && isEmpty(b);
  };
}

function sameSet(a: readonly Value[], b: readonly Value[]): boolean {
  if ([...a, ...b].some((element) => element instanceof Unknown)) return false;
  const sorted = (set: readonly Value[]): string[] =>
    [...new Set(set.map((element) => JSON.stringify(element)))].toSorted();
  return equal(sorted(a), sorted(b));
}

/**
 * A replacement under the same name cannot stand beside the old one. The bridge knows only of names that it could
 * have chosen itself (nameRequiresDeleteBeforeReplace in pulumi-terraform-bridge).
 */
function goesFirst(planning: Planning, inputs: Properties, old: Properties): boolean {
  if (planning.deleteBeforeReplace === "always") return true;
  if (planning.deleteBeforeReplace !== "when-named") return false;
  return inputs["name"] !== undefined && equal(inputs["name"], old["name"]);
}
