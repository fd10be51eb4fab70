import type { Client, ClientChannel } from "ssh2";
import type { Call } from "../framework/stand-in.ts";
import type { ConnectionArgs } from "./connection-args.ts";
import { CommandOutput, type Logging } from "./output.ts";
import { dial } from "./ssh.ts";

export interface RemoteExecution {
  connection: ConnectionArgs;
  command: string;
  stdin?: string | undefined;
  /** Refused variables are an error. */
  environment: readonly (readonly [string, string])[];
  /** Refused variables are a warning. */
  optionalEnvironment: readonly (readonly [string, string])[];
  logging?: Logging | undefined;
}

/** Runs a command on another machine to its end. Throws unless it exits with 0. */
export async function execute(
  execution: RemoteExecution,
  call: Call<unknown>,
): Promise<{ stdout: string; stderr: string }> {
  const client = await dial(execution.connection, call);
  const output = new CommandOutput(call.log, execution.logging);
  try {
    call.signal.throwIfAborted();
    const refused = askForRefusals(client);
    const channel = await start(client, execution, output);
    const stop = (): void => {
      channel.stream.signal("TERM");
      channel.stream.close();
    };
    call.signal.addEventListener("abort", stop);
    try {
      reportRefusals(refused, execution, call);
      channel.stream.end(execution.stdin ?? "");
      const ending = await channel.ended;
      call.signal.throwIfAborted();
      if (ending !== undefined) throw output.failure(ending, execution.command);
      return output.result();
    } finally {
      call.signal.removeEventListener("abort", stop);
    }
  } finally {
    client.destroy();
  }
}

interface Running {
  stream: ClientChannel;
  /** Undefined after success; otherwise how the command ended. */
  ended: Promise<string | undefined>;
}

/** A short command's end may arrive together with its start, so it is listened to from the start. */
async function start(client: Client, execution: RemoteExecution, output: CommandOutput): Promise<Running> {
  const env = Object.fromEntries([...execution.environment, ...execution.optionalEnvironment]);
  return await new Promise((resolve, reject) =>
    client.exec(execution.command, { env }, (error, stream) => {
      if (error !== undefined) reject(error);
      else resolve({ stream, ended: endOf(stream, output) });
    }),
  );
}

async function endOf(stream: ClientChannel, output: CommandOutput): Promise<string | undefined> {
  let ending: string | undefined = "wait: remote command exited without exit status or exit signal";
  stream.on("data", (chunk: Buffer) => output.add("stdout", chunk));
  stream.stderr.on("data", (chunk: Buffer) => output.add("stderr", chunk));
  stream.on("error", () => {}); // a command that does not read its input is not at fault
  stream.on("exit", (code: number | null, name?: string) => {
    if (code === null) ending = `Process exited from signal ${name?.replace(/^SIG/, "")}`;
    else ending = code === 0 ? undefined : `Process exited with status ${code}`;
  });
  return await new Promise((resolve) => stream.on("close", () => resolve(ending)));
}

function reportRefusals(refused: ReadonlySet<string>, execution: RemoteExecution, { log }: Call<unknown>): void {
  const hint = "This only works if your SSH server is configured to accept these variables via AcceptEnv.";
  for (const [name] of execution.optionalEnvironment)
    if (refused.has(name)) log.warn(`Unable to set '${name}'. ${hint}`);
  for (const [name] of execution.environment)
    if (refused.has(name)) {
      log.error(`Unable to set '${name}'. ${hint}`);
      throw new Error(`could not set environment variable "${name}": ssh: setenv failed`);
    }
}

/**
 * Names of variables that the server refuses. ssh2 sends variables without asking whether they are taken; here the
 * question is put (RFC 4254, 6.4: want reply), and the answers arrive in order before the one to `exec`.
 */
function askForRefusals(client: Client): ReadonlySet<string> {
  const refused = new Set<string>();
  const inner = client as unknown as Internals;
  const send = inner._protocol.env.bind(inner._protocol);
  inner._protocol.env = (remoteId, name, value) => {
    const channel = Object.values(inner._chanMgr._channels).find((each) => each.outgoing?.id === remoteId);
    channel?._callbacks?.push((failed) => {
      if (failed) refused.add(name);
    });
    send(remoteId, name, value, channel !== undefined);
  };
  return refused;
}

/** What of ssh2's inside is used above; the package's version is pinned and a test sees both answers. */
interface Internals {
  _protocol: { env: (remoteId: number, name: string, value: string, wantReply?: boolean) => void };
  _chanMgr: { _channels: Record<string, { outgoing?: { id: number }; _callbacks?: ((failed: boolean) => void)[] }> };
}
