import { randomBytes } from "node:crypto";
import { checkProperties, complete, markBySchema, type Failure } from "./check.ts";
import type { PackageSchema } from "./package-schema.ts";
import { inputsFromOutputs, plannedDifference, plannedInputs, plannedOutputs, type Planning } from "./planned.ts";
import type { Call, CheckContext, ResourceStandIn, State } from "./stand-in.ts";
import { plainProperties, Unknown, type Properties, type Value } from "./value.ts";

/** A resource of a provider that is bridged from Terraform, as its file describes it. In and Out are checked by then. */
export interface Bridged<Config, In, Out> {
  token: string;
  plan?: Planning["plan"];
  keptOnUpdate?: readonly (keyof Out & string)[];
  deleteBeforeReplace?: Planning["deleteBeforeReplace"];
  /** What else can be wrong with the inputs. Values may be unknown. */
  check?: (inputs: Properties) => readonly Failure[];
  create: (inputs: In, call: Call<Config>) => Promise<State>;
  /** From the old outputs. Answers undefined when it is gone. */
  read: (id: string, old: Out, call: Call<Config>) => Promise<State | undefined>;
  /** From the id that its owner gives; without it the resource cannot be imported. */
  import?: (id: string, call: Call<Config>) => Promise<State | undefined>;
  /** Gets the planned inputs, with defaults. */
  update?: (id: string, planned: In, old: Out, call: Call<Config>) => Promise<State>;
  delete: (id: string, old: Out, call: Call<Config>) => Promise<void>;
}

export function bridged<Config, In, Out>(
  schema: PackageSchema,
  definition: Bridged<Config, In, Out>,
): ResourceStandIn<Config> {
  const resource = schema.resources[definition.token];
  if (resource === undefined) throw new Error(`${schema.name}/schema.json has no resource ${definition.token}`);
  const planning: Planning = {
    schema: resource,
    madeWith: schema.madeWith,
    plan: definition.plan,
    keptOnUpdate: definition.keptOnUpdate,
    deleteBeforeReplace: definition.deleteBeforeReplace,
  };
  /** The schema was checked, so properties have the form that the resource's file declares. */
  const as = <T>(properties: Properties): T => properties as T;
  /** Nothing is unknown any more but what the service chooses. */
  const planned = (inputs: Properties, old: Properties | undefined): Properties =>
    Object.fromEntries(
      Object.entries(plannedInputs(planning, inputs, old)).filter(([, value]) => !(value instanceof Unknown)),
    );
  return {
    token: definition.token,
    schema: resource,
    check: (given, context) => {
      const inputs = complete(resource.inputs, named(resource, given, context), false);
      const failures = checkProperties(resource.inputs, inputs);
      if (failures.length === 0) failures.push(...(definition.check?.(plainProperties(inputs)) ?? []));
      return { inputs: markBySchema(resource.inputs, inputs), failures };
    },
    diff: (old, inputs) => plannedDifference(planning, old.outputs, inputs),
    previewCreate: (inputs) => plannedOutputs(planning, inputs, undefined),
    previewUpdate: (old, inputs) => plannedOutputs(planning, inputs, old.outputs),
    create: (inputs, call) => definition.create(as<In>(planned(inputs, undefined)), call),
    read: async (id, old, call) => {
      const state =
        old !== undefined
          ? await definition.read(id, as<Out>(old.outputs), call)
          : await (definition.import ?? noImport(definition.token))(id, call);
      if (state === undefined) return undefined;
      return { ...state, inputs: inputsFromOutputs(resource, state.outputs, old?.inputs) };
    },
    update: async (old, inputs, call) => {
      if (definition.update === undefined) throw new Error(`${definition.token} cannot be updated, only replaced`);
      const state = await definition.update(old.id, as<In>(planned(inputs, old.outputs)), as<Out>(old.outputs), call);
      return state.outputs;
    },
    delete: (old, call) => definition.delete(old.id, as<Out>(old.outputs), call),
  };
}

/** Names that the program leaves to the provider: the resource's own with seven hex digits, kept once chosen. */
function named(resource: ResourceStandIn<unknown>["schema"], inputs: Properties, context: CheckContext): Properties {
  const missing = Object.entries(resource.inputs).filter(([name, spec]) => spec.autoname && inputs[name] === undefined);
  const chosen = missing.map(([name]): [string, Value] => [
    name,
    context.oldInputs[name] ?? `${context.name}-${randomBytes(4).toString("hex").slice(0, 7)}`,
  ]);
  return { ...inputs, ...Object.fromEntries(chosen) };
}

function noImport(token: string): () => never {
  return () => {
    throw new Error(`${token} has no importer: it cannot be imported`);
  };
}
