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
    const channel = await start(client, execution, call);
    const ending = await ended(channel, output, execution.stdin ?? "", call.signal);
    call.signal.throwIfAborted();
    if (ending !== undefined) throw output.failure(ending, execution.command);
    return output.result();
  } finally {
    client.destroy();
  }
}

async function start(
  client: Client,
  execution: RemoteExecution,
  { log, signal }: Call<unknown>,
): Promise<ClientChannel> {
  signal.throwIfAborted();
  const refused = askForRefusals(client);
  const env = Object.fromEntries([...execution.environment, ...execution.optionalEnvironment]);
  const channel = await new Promise<ClientChannel>((resolve, reject) =>
    client.exec(execution.command, { env }, (error, opened) => (error === undefined ? resolve(opened) : reject(error))),
  );
  const hint = "This only works if your SSH server is configured to accept these variables via AcceptEnv.";
  for (const [name] of execution.optionalEnvironment)
    if (refused.has(name)) log.warn(`Unable to set '${name}'. ${hint}`);
  for (const [name] of execution.environment)
    if (refused.has(name)) {
      log.error(`Unable to set '${name}'. ${hint}`);
      throw new Error(`could not set environment variable "${name}": ssh: setenv failed`);
    }
  return channel;
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

/** Undefined after success; otherwise how the command ended. */
async function ended(
  channel: ClientChannel,
  output: CommandOutput,
  stdin: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  channel.on("data", (chunk: Buffer) => output.add("stdout", chunk));
  channel.stderr.on("data", (chunk: Buffer) => output.add("stderr", chunk));
  channel.on("error", () => {}); // a command that does not read its input is not at fault
  const stop = (): void => {
    channel.signal("TERM");
    channel.close();
  };
  signal.addEventListener("abort", stop);
  try {
    return await new Promise<string | undefined>((resolve) => {
      let ending: string | undefined = "wait: remote command exited without exit status or exit signal";
      channel.on("exit", (code: number | null, name?: string) => {
        ending =
          code === 0
            ? undefined
            : code === null
              ? `Process exited from signal ${name}`
              : `Process exited with status ${code}`;
      });
      channel.on("close", () => resolve(ending));
      if (signal.aborted) stop();
      channel.end(stdin);
    });
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
