import { credentials, type ServiceError } from "@grpc/grpc-js";
import rpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import emptypb from "google-protobuf/google/protobuf/empty_pb.js";
import type { Properties } from "../../../sandbox/plugins/framework/value.ts";
import { decode, encode } from "../../../sandbox/plugins/framework/wire.ts";

export interface Checked {
  inputs: Properties;
  failures: string[];
}

/** Talks to a provider as the engine does: one connection, handshake first. */
export class ProviderClient {
  readonly #client: InstanceType<typeof rpc.ResourceProviderClient>;
  readonly #type: string;

  /** `type` is the resource type of all calls. */
  constructor(port: number, type: string) {
    // Connections are shared between channels of one process unless told otherwise; engines are processes.
    const options = { "grpc.use_local_subchannel_pool": 1 };
    this.#client = new rpc.ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure(), options);
    this.#type = type;
  }

  close(): void {
    this.#client.close();
  }

  async configure(config: Properties): Promise<void> {
    await promised((done) => this.#client.handshake(new provider.ProviderHandshakeRequest(), done));
    const request = new provider.ConfigureRequest().setArgs(encode(config)).setAcceptsecrets(true);
    await promised((done) => this.#client.configure(request, done));
  }

  async checkConfig(config: Properties): Promise<Checked> {
    const request = new provider.CheckRequest()
      .setUrn("urn:pulumi:s::p::pulumi:providers:x::name")
      .setNews(encode(config));
    const response = await promised<InstanceType<typeof provider.CheckResponse>>((done) =>
      this.#client.checkConfig(request, done),
    );
    return {
      inputs: decode(response.getInputs()),
      failures: response.getFailuresList().map((each) => each.getReason()),
    };
  }

  async check(news: Properties, olds: Properties = {}): Promise<Checked> {
    const request = new provider.CheckRequest().setUrn(this.#urn()).setNews(encode(news)).setOlds(encode(olds));
    const response = await promised<InstanceType<typeof provider.CheckResponse>>((done) =>
      this.#client.check(request, done),
    );
    return {
      inputs: decode(response.getInputs()),
      failures: response.getFailuresList().map((each) => each.getReason()),
    };
  }

  async diff(
    old: { inputs: Properties; outputs: Properties },
    news: Properties,
    ignore: string[] = [],
  ): Promise<Diffed> {
    const request = new provider.DiffRequest()
      .setUrn(this.#urn())
      .setId("id")
      .setOldInputs(encode(old.inputs))
      .setOlds(encode(old.outputs))
      .setNews(encode(news))
      .setIgnorechangesList(ignore);
    const response = await promised<InstanceType<typeof provider.DiffResponse>>((done) =>
      this.#client.diff(request, done),
    );
    const kinds = Object.entries(provider.PropertyDiff.Kind);
    const detailed: Record<string, string> = {};
    response.getDetaileddiffMap().forEach((diff, path) => {
      detailed[path] = kinds.find(([, kind]) => kind === diff.getKind())?.[0] ?? "?";
    });
    return {
      changes: response.getChanges() === provider.DiffResponse.DiffChanges.DIFF_SOME,
      replaces: response.getReplacesList(),
      deleteBeforeReplace: response.getDeletebeforereplace(),
      detailed,
    };
  }

  async create(
    inputs: Properties,
    options: { preview?: boolean; timeoutSeconds?: number; signal?: AbortSignal } = {},
  ): Promise<{ id: string; outputs: Properties }> {
    const request = new provider.CreateRequest()
      .setUrn(this.#urn())
      .setProperties(encode(inputs))
      .setPreview(options.preview === true)
      .setTimeout(options.timeoutSeconds ?? 0);
    const response = await promised<InstanceType<typeof provider.CreateResponse>>((done) => {
      const call = this.#client.create(request, done);
      options.signal?.addEventListener("abort", () => call.cancel());
      return call;
    });
    return { id: response.getId(), outputs: decode(response.getProperties()) };
  }

  async read(
    id: string,
    old?: { inputs: Properties; outputs: Properties },
  ): Promise<{ id: string; inputs: Properties; outputs: Properties }> {
    const request = new provider.ReadRequest().setUrn(this.#urn()).setId(id);
    if (old !== undefined) request.setInputs(encode(old.inputs)).setProperties(encode(old.outputs));
    const response = await promised<InstanceType<typeof provider.ReadResponse>>((done) =>
      this.#client.read(request, done),
    );
    return { id: response.getId(), inputs: decode(response.getInputs()), outputs: decode(response.getProperties()) };
  }

  async update(
    old: { id: string; inputs: Properties; outputs: Properties },
    news: Properties,
    options: { preview?: boolean; ignore?: string[] } = {},
  ): Promise<Properties> {
    const request = new provider.UpdateRequest()
      .setUrn(this.#urn())
      .setId(old.id)
      .setOldInputs(encode(old.inputs))
      .setOlds(encode(old.outputs))
      .setNews(encode(news))
      .setPreview(options.preview === true)
      .setIgnorechangesList(options.ignore ?? []);
    const response = await promised<InstanceType<typeof provider.UpdateResponse>>((done) =>
      this.#client.update(request, done),
    );
    return decode(response.getProperties());
  }

  async delete(id: string, outputs: Properties, inputs: Properties = {}): Promise<void> {
    const request = new provider.DeleteRequest()
      .setUrn(this.#urn())
      .setId(id)
      .setProperties(encode(outputs))
      .setOldInputs(encode(inputs));
    await promised((done) => this.#client.delete(request, done));
  }

  async invoke(token: string, args: Properties): Promise<{ result: Properties; failures: string[] }> {
    const request = new provider.InvokeRequest().setTok(token).setArgs(encode(args));
    const response = await promised<InstanceType<typeof provider.InvokeResponse>>((done) =>
      this.#client.invoke(request, done),
    );
    return {
      result: decode(response.getReturn()),
      failures: response.getFailuresList().map((each) => each.getReason()),
    };
  }

  async cancel(): Promise<void> {
    await promised((done) => this.#client.cancel(new emptypb.Empty(), done));
  }

  async schema(): Promise<{ name: string; version: string; resources: Record<string, unknown> }> {
    const response = await promised<InstanceType<typeof provider.GetSchemaResponse>>((done) =>
      this.#client.getSchema(new provider.GetSchemaRequest(), done),
    );
    return JSON.parse(response.getSchema()) as { name: string; version: string; resources: Record<string, unknown> };
  }

  #urn(): string {
    return `urn:pulumi:stack::project::odoosaas:tenant:Tenant$${this.#type}::name`;
  }
}

export interface Diffed {
  changes: boolean;
  replaces: string[];
  deleteBeforeReplace: boolean;
  detailed: Record<string, string>;
}

/** The error that gRPC gives, whose `details` is the plugin's message. */
export type RpcError = ServiceError;

async function promised<Response>(
  send: (done: (error: ServiceError | null, response: Response) => void) => unknown,
): Promise<Response> {
  return await new Promise((resolve, reject) =>
    send((error, response) => (error === null ? resolve(response) : reject(error))),
  );
}
