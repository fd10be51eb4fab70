import { Server, ServerCredentials, type handleUnaryCall } from "@grpc/grpc-js";
import emptypb from "google-protobuf/google/protobuf/empty_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import rpc, { type IResourceProviderServer } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import { configRequests } from "./config-requests.ts";
import { rpcError } from "./errors.ts";
import { pulumiSchema } from "./pulumi-schema.ts";
import { resourceRequests } from "./resource-requests.ts";
import { Serving, type Answer } from "./serving.ts";
import type { ProviderStandIn } from "./stand-in.ts";

export interface ServedProvider {
  readonly port: number;
  /** Ends running operations, waits for them (at most `graceMs`, default 2 s) and closes the port. */
  close: (graceMs?: number) => Promise<void>;
}

/** Serves one provider by the engine's protocol (pulumirpc.ResourceProvider) on a port of 127.0.0.1. */
export async function serveProvider<Config>(standIn: ProviderStandIn<Config>, port = 0): Promise<ServedProvider> {
  const serving = new Serving(standIn);
  const running = new Set<Promise<void>>();

  const unary =
    <Request, Response>(answer: Answer<Request, Response>): handleUnaryCall<Request, Response> =>
    (call, callback) => {
      const left = new AbortController();
      call.on("cancelled", () => left.abort(new Error("the engine went away")));
      const answered = (async () => answer(call.request, { peer: call.getPeer(), signal: left.signal }))();
      const work = answered.then(
        (response) => callback(null, response),
        (error: unknown) => callback(rpcError(error)),
      );
      running.add(work);
      void work.finally(() => running.delete(work));
    };

  const { sessions } = serving;
  const configs = configRequests(serving);
  const resources = resourceRequests(serving);
  // What is missing here (Construct, Call, List, Parameterize, StreamInvoke) is answered with UNIMPLEMENTED.
  const implementation: Partial<IResourceProviderServer> = {
    handshake: unary(configs.handshake),
    checkConfig: unary(configs.checkConfig),
    diffConfig: unary(configs.diffConfig),
    configure: unary(configs.configure),
    invoke: unary(resources.invoke),
    check: unary(resources.check),
    diff: unary(resources.diff),
    create: unary(resources.create),
    read: unary(resources.read),
    update: unary(resources.update),
    delete: unary(resources.delete),
    attach: unary((request, { peer }) => {
      if (sessions.get(peer).engineAddress !== request.getAddress()) sessions.open(peer, request.getAddress());
      return new emptypb.Empty();
    }),
    cancel: unary((_request, { peer }) => {
      sessions.cancel(peer);
      return new emptypb.Empty();
    }),
    getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(standIn.schema.version)),
    getSchema: unary(() => new provider.GetSchemaResponse().setSchema(JSON.stringify(pulumiSchema(standIn.schema)))),
    getMapping: unary(() => new provider.GetMappingResponse()),
    getMappings: unary(() => new provider.GetMappingsResponse()),
  };
  const server = new Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  server.addService(rpc.ResourceProviderService, implementation as IResourceProviderServer);
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    ),
  );
  return {
    port: bound,
    close: async (graceMs = 2_000) => {
      sessions.cancelAll(new Error("the plugin is shutting down"));
      const patience = AbortSignal.timeout(graceMs);
      const impatient = new Promise((resolve) => patience.addEventListener("abort", resolve));
      if (running.size > 0) await Promise.race([Promise.allSettled(running), impatient]);
      server.forceShutdown();
    },
  };
}
