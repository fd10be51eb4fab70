import { credentials, Metadata } from "@grpc/grpc-js";
import type { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import type { Log } from "./stand-in.ts";

type Severity = "INFO" | "WARNING" | "ERROR";

/**
 * Log lines over the engine's own RPC, attached to one resource. The connection is made with the first line; a line
 * that does not arrive is no reason to fail an operation. Call `close` after the last line.
 */
export function engineLog(address: string | undefined, urn: string): { log: Log; close: () => Promise<void> } {
  let client: Promise<EngineClient> | undefined;
  let last: Promise<boolean> = Promise.resolve(true);
  const send = (severity: Severity, message: string, ephemeral: boolean): void => {
    if (address === undefined || address === "") return;
    client ??= connect(address);
    last = Promise.all([client, last]).then(
      ([engine, arrived]) => arrived && logLine(engine, { severity, message, ephemeral, urn }),
    );
  };
  return {
    log: {
      status: (line) => send("INFO", line, true),
      warn: (line) => send("WARNING", line, false),
      error: (line) => send("ERROR", line, false),
    },
    close: async () => {
      await last;
      (await client)?.close();
    },
  };
}

async function connect(address: string): Promise<EngineClient> {
  const { default: rpc } = await import("@pulumi/pulumi/proto/engine_grpc_pb.js");
  return new rpc.EngineClient(address, credentials.createInsecure());
}

interface Line {
  severity: Severity;
  message: string;
  ephemeral: boolean;
  urn: string;
}

/** Whether the line arrived: an engine that does not answer within 2 s gets no further ones. */
async function logLine(engine: EngineClient, line: Line): Promise<boolean> {
  const { default: messages } = await import("@pulumi/pulumi/proto/engine_pb.js");
  const request = new messages.LogRequest();
  request.setSeverity(messages.LogSeverity[line.severity]);
  request.setMessage(line.message);
  request.setUrn(line.urn);
  request.setEphemeral(line.ephemeral);
  return await new Promise((resolve) =>
    engine.log(request, new Metadata(), { deadline: Date.now() + 2_000 }, (error) => resolve(error === null)),
  );
}
