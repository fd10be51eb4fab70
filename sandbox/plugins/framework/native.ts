import { checkProperties, complete, markBySchema, type Failure } from "./check.ts";
import { comparePaths, type Change } from "./difference.ts";
import type { PackageSchema } from "./package-schema.ts";
import type { Call, ResourceStandIn, State } from "./stand-in.ts";
import { equal, plainProperties, some, UNKNOWN, Unknown, type Properties, type Value } from "./value.ts";

/** A resource of a provider made with pulumi-go-provider, as its file describes it: no Read, inputs stay as given. */
export interface Native<Config, In, Out> {
  token: string;
  check?: (inputs: Properties) => readonly Failure[];
  create: (inputs: In, call: Call<Config>) => Promise<State>;
  update: (inputs: In, old: Out, call: Call<Config>) => Promise<Properties>;
  delete?: (old: Out, call: Call<Config>) => Promise<void>;
}

export function native<Config, In, Out>(
  schema: PackageSchema,
  definition: Native<Config, In, Out>,
): ResourceStandIn<Config> {
  const resource = schema.resources[definition.token];
  if (resource === undefined) throw new Error(`${schema.name}/schema.json has no resource ${definition.token}`);
  const as = <T>(properties: Properties): T => properties as T;
  const outputsOnly = Object.entries(resource.outputs).filter(
    ([name, spec]) => spec.required && !resource.inputs[name],
  );
  return {
    token: definition.token,
    schema: resource,
    check: (given) => {
      const inputs = complete(resource.inputs, given, true);
      const failures = checkProperties(resource.inputs, inputs);
      if (failures.length === 0) failures.push(...(definition.check?.(plainProperties(inputs)) ?? []));
      return { inputs: markBySchema(resource.inputs, inputs), failures };
    },
    diff: (old, inputs) => {
      const changes = [...comparePaths(visible(old.inputs), visible(inputs), sameOrUnknown)].map(
        // Only a property as a whole is replaced here; the SDK's replaceOnChanges adds `triggers[*]` in the engine.
        ([path, kind]): [string, Change] => [path, { kind, replace: resource.inputs[path]?.replace === true }],
      );
      return { changes: new Map(changes), deleteBeforeReplace: false };
    },
    previewCreate: (inputs) => ({ ...inputs, ...Object.fromEntries(outputsOnly.map(([name]) => [name, UNKNOWN])) }),
    previewUpdate: (old, inputs) => {
      const changed = !equal(plainProperties(visible(old.inputs)), plainProperties(visible(inputs)));
      const outputs = outputsOnly.map(([name]): [string, Value] => [
        name,
        changed ? UNKNOWN : (old.outputs[name] ?? UNKNOWN),
      ]);
      return { ...inputs, ...Object.fromEntries(outputs) };
    },
    create: (inputs, call) => definition.create(as<In>(inputs), call),
    read: async (id, old) => {
      if (old === undefined) throw new Error(`${definition.token} has no Read: it cannot be imported`);
      return { id, outputs: old.outputs, inputs: old.inputs };
    },
    update: (old, inputs, call) => definition.update(as<In>(inputs), as<Out>(old.outputs), call),
    delete: async (old, call) => definition.delete?.(as<Out>(old.outputs), call),
  };
}

function sameOrUnknown(old: Value | undefined, wanted: Value | undefined): boolean {
  return !some(wanted, (part) => part instanceof Unknown) && equal(old, wanted);
}

/** Without what the engine and SDKs keep for themselves. */
function visible(properties: Properties): Properties {
  return Object.fromEntries(
    Object.entries(properties).filter(([name]) => name !== "version" && !name.startsWith("__")),
  );
}
