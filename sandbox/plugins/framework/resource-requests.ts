import emptypb from "google-protobuf/google/protobuf/empty_pb.js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import { checkProperties } from "./check.ts";
import type { Difference } from "./difference.ts";
import { checkFailures, diffResponse } from "./responses.ts";
import { remark } from "./secrets.ts";
import type { Answer, Caller, Operation, Serving } from "./serving.ts";
import { PartialFailure, type Call, type OldState, type ResourceStandIn } from "./stand-in.ts";
import { plainProperties, type Properties, type Value } from "./value.ts";
import { decode, encode, type Struct } from "./wire.ts";

type Message<Name extends keyof typeof provider> = (typeof provider)[Name] extends new () => infer Instance
  ? Instance
  : never;

interface ResourceRequests {
  check: Answer<Message<"CheckRequest">, Message<"CheckResponse">>;
  diff: Answer<Message<"DiffRequest">, Message<"DiffResponse">>;
  create: Answer<Message<"CreateRequest">, Message<"CreateResponse">>;
  read: Answer<Message<"ReadRequest">, Message<"ReadResponse">>;
  update: Answer<Message<"UpdateRequest">, Message<"UpdateResponse">>;
  delete: Answer<Message<"DeleteRequest">, InstanceType<typeof emptypb.Empty>>;
  invoke: Answer<Message<"InvokeRequest">, Message<"InvokeResponse">>;
}

/** Answers about resources and functions: decode, strip marks, let the stand-in work, put marks back, encode. */
export function resourceRequests<Config>(serving: Serving<Config>): ResourceRequests {
  const byToken = new Map(serving.standIn.resources.map((resource) => [resource.token, resource]));
  const functions = new Map(serving.standIn.functions.map((each) => [each.token, each]));
  const resourceOf = (urn: string): ResourceStandIn<Config> => {
    const token = typeOfUrn(urn);
    const found = byToken.get(token);
    if (found !== undefined) return found;
    throw new Error(`the sandbox's ${serving.standIn.schema.name} plugin has no resource type ${token}`);
  };
  const operate = async <T>(
    caller: Caller,
    request: { getUrn: () => string; getTimeout: () => number },
    work: (call: Call<Config>) => Promise<T>,
  ): Promise<T> => await serving.operate(caller, operation(request), work);

  return {
    check: (request) => {
      const resource = resourceOf(request.getUrn());
      const name = nameOfUrn(request.getUrn());
      const oldInputs = plainProperties(decode(request.getOlds()));
      const { inputs, failures } = resource.check(decode(request.getNews()), { name, oldInputs });
      return new provider.CheckResponse().setInputs(encode(inputs)).setFailuresList(checkFailures(failures, name));
    },

    diff: (request) => {
      const resource = resourceOf(request.getUrn());
      const old = oldState(request);
      const ignored = request.getIgnorechangesList();
      const inputs = ignoring(decode(request.getNews()), old.outputs, ignored);
      return diffResponse(withoutIgnored(resource.diff(old, inputs), ignored));
    },

    create: async (request, caller) => {
      const resource = resourceOf(request.getUrn());
      const inputs = decode(request.getProperties());
      const mark = (outputs: Properties): Struct => encode(remark(outputs, [inputs], resource.schema.outputs));
      const response = new provider.CreateResponse();
      if (request.getPreview()) return response.setProperties(mark(resource.previewCreate(plainProperties(inputs))));
      const made = await operate(caller, request, (call) =>
        markedFailure([inputs], resource, () => resource.create(plainProperties(inputs), call)),
      );
      return response.setId(made.id).setProperties(mark(made.outputs));
    },

    read: async (request, caller) => {
      const resource = resourceOf(request.getUrn());
      const state = decode(request.getProperties());
      const inputs = decode(request.getInputs());
      const known = Object.keys(state).length > 0; // a refresh; otherwise an import or a "get"
      const old = { id: request.getId(), inputs: plainProperties(inputs), outputs: plainProperties(state) };
      const seen = await operate(caller, request, (call) =>
        resource.read(request.getId(), known ? old : undefined, call),
      );
      const response = new provider.ReadResponse();
      if (seen === undefined) return response;
      return response
        .setId(seen.id)
        .setProperties(encode(remark(seen.outputs, [inputs, state], resource.schema.outputs)))
        .setInputs(encode(remark(seen.inputs, [inputs], resource.schema.inputs)));
    },

    update: async (request, caller) => {
      const resource = resourceOf(request.getUrn());
      const marked = oldState(request);
      const inputs = ignoring(decode(request.getNews()), marked.outputs, request.getIgnorechangesList());
      const old = plainState(marked);
      const mark = (outputs: Properties): Struct => encode(remark(outputs, [inputs], resource.schema.outputs));
      const response = new provider.UpdateResponse();
      if (request.getPreview())
        return response.setProperties(mark(resource.previewUpdate(old, plainProperties(inputs))));
      const outputs = await operate(caller, request, (call) =>
        markedFailure([inputs], resource, () => resource.update(old, plainProperties(inputs), call)),
      );
      return response.setProperties(mark(outputs));
    },

    delete: async (request, caller) => {
      const resource = resourceOf(request.getUrn());
      const outputs = plainProperties(decode(request.getProperties()));
      const old: OldState = { id: request.getId(), inputs: plainProperties(decode(request.getOldInputs())), outputs };
      await operate(caller, request, (call) => resource.delete(old, call));
      return new emptypb.Empty();
    },

    invoke: async (request, caller) => {
      const called = functions.get(request.getTok());
      const schema = serving.standIn.schema.functions[request.getTok()];
      if (called === undefined || schema === undefined)
        throw new Error(`the sandbox's ${serving.standIn.schema.name} plugin has no function ${request.getTok()}`);
      const args = plainProperties(decode(request.getArgs()));
      const response = new provider.InvokeResponse();
      const failures = checkProperties(schema.inputs, args);
      if (failures.length > 0) return response.setFailuresList(checkFailures(failures, request.getTok()));
      const of: Operation = { urn: "", name: request.getTok(), timeoutSeconds: 0 };
      return response.setReturn(encode(await serving.operate(caller, of, (call) => called.call(args, call))));
    },
  };
}

/**
 * What is ignored stays as the state has it. The engine has put back the old input, which may be another spelling of
 * the state (`encoding: "DEFAULT"`).
 */
function ignoring(inputs: Properties, state: Properties, ignored: readonly string[]): Properties {
  const kept = ignored.flatMap((name): [string, Value][] => (state[name] === undefined ? [] : [[name, state[name]]]));
  return { ...inputs, ...Object.fromEntries(kept) };
}

function withoutIgnored(difference: Difference, ignored: readonly string[]): Difference {
  const isIgnored = (path: string): boolean =>
    ignored.some((each) => path === each || path.startsWith(`${each}.`) || path.startsWith(`${each}[`));
  return { ...difference, changes: new Map([...difference.changes].filter(([path]) => !isIgnored(path))) };
}

/** Marks the state that a partial failure carries. */
async function markedFailure<T>(
  like: readonly Properties[],
  resource: ResourceStandIn<never>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PartialFailure)) throw error;
    const outputs = remark(error.state.outputs, like, resource.schema.outputs);
    throw new PartialFailure({ id: error.state.id, outputs }, error);
  }
}

function oldState(request: Message<"DiffRequest"> | Message<"UpdateRequest">): OldState {
  return { id: request.getId(), inputs: decode(request.getOldInputs()), outputs: decode(request.getOlds()) };
}

function plainState(state: OldState): OldState {
  return { id: state.id, inputs: plainProperties(state.inputs), outputs: plainProperties(state.outputs) };
}

function operation(request: { getUrn: () => string; getTimeout: () => number }): Operation {
  return { urn: request.getUrn(), name: nameOfUrn(request.getUrn()), timeoutSeconds: request.getTimeout() };
}

/** `urn:pulumi:stack::project::parentType$type::name`. */
function typeOfUrn(urn: string): string {
  const qualified = urn.split("::")[2] ?? "";
  return qualified.slice(qualified.lastIndexOf("$") + 1);
}

function nameOfUrn(urn: string): string {
  return urn.split("::").slice(3).join("::");
}
