import { Metadata, status, type StatusObject } from "@grpc/grpc-js";
import anypb from "google-protobuf/google/protobuf/any_pb.js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import statuspb from "@pulumi/pulumi/proto/status_pb.js";
import { PartialFailure } from "./stand-in.ts";
import { encode } from "./wire.ts";

/** An error as gRPC carries it; a partial failure takes the resource's state along (ErrorResourceInitFailed). */
export function rpcError(error: unknown): Partial<StatusObject> {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof PartialFailure)) return { code: status.UNKNOWN, details: message };
  const failed = new provider.ErrorResourceInitFailed();
  failed.setId(error.state.id);
  failed.setProperties(encode(error.state.outputs));
  failed.setReasonsList([message]);
  const detail = new anypb.Any();
  detail.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const details = new statuspb.Status();
  details.setCode(status.UNKNOWN);
  details.setMessage(message);
  details.addDetails(detail);
  const metadata = new Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(details.serializeBinary()));
  return { code: status.UNKNOWN, details: message, metadata };
}
