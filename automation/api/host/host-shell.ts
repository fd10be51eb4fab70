import type { Client, ClientChannel } from "ssh2";
import { ApiError } from "../problem.ts";
import { commandInput, commandLine } from "../../../components/host/host-command.ts";
import { connect, execute, type HostAddress } from "./ssh-connection.ts";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One of the platform's commands on a host (components/host/host-command.ts). */
export interface HostCommandCall {
  readonly name: string;
  readonly verb: string;
  /** What it is told, by standard input. */
  readonly variables: Readonly<Record<string, string>>;
}

const IDLE_MS = 30_000;
const MOST_OUTPUT = 8 * 1024 * 1024;

/** Runs the platform's commands on tenant hosts. Connections are kept for half a minute, because a page that shows one status asks again. */
export class HostShell {
  readonly #privateKey: () => string | Promise<string>;
  readonly #open = new Map<string, { client: Promise<Client>; users: number; idle: NodeJS.Timeout | undefined }>();

  constructor(privateKey: () => string | Promise<string>) {
    this.#privateKey = privateKey;
  }

  /** Throws 502 when the host cannot be reached, 504 when the command does not end in time. */
  async run(host: HostAddress, call: HostCommandCall, withinMs: number, signal?: AbortSignal): Promise<CommandResult> {
    const connection = await this.#take(host);
    try {
      signal?.throwIfAborted(); // whoever asked has left while it was connected
      const { line, input } = spelled(call);
      return await execute(connection.client, line, input, (channel) => collect(channel, host, withinMs, signal));
    } finally {
      connection.release();
    }
  }

  /** The command's output as it comes, on a connection of its own that is closed afterwards. */
  async *follow(host: HostAddress, call: HostCommandCall, signal: AbortSignal): AsyncIterable<Buffer> {
    const client = await connect(host, await this.#privateKey());
    const stop = (): void => void client.destroy();
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (signal.aborted) return;
      const { line, input } = spelled(call);
      const output = await execute(client, line, input, (channel) => {
        channel.stderr.resume();
        return { chunks: channel.iterator() };
      });
      for await (const chunk of output.chunks) yield chunk as Buffer;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      client.destroy();
    }
  }

  /** Closes what is idle and what is in use. */
  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(
      open.map(({ client, idle }) => (clearTimeout(idle), client.then((c) => c.destroy()).catch(() => {}))),
    );
  }

  async #take(host: HostAddress): Promise<{ client: Client; release: () => void }> {
    const privateKey = await this.#privateKey();
    const key = JSON.stringify([host.address, host.ssh, privateKey]); // whatever changes, the next use connects anew
    let entry = this.#open.get(key);
    if (entry === undefined) {
      const made = { client: connect(host, privateKey), users: 0, idle: undefined };
      this.#open.set(key, made);
      const forget = (): void => void (this.#open.get(key) === made && this.#open.delete(key));
      made.client.then((client) => client.once("close", forget), forget);
      entry = made;
    }
    const used = entry;
    clearTimeout(used.idle);
    used.users++;
    const release = (): void => {
      if (--used.users > 0) return;
      used.idle = setTimeout(() => {
        this.#open.delete(key);
        used.client.then((client) => client.end()).catch(() => {});
      }, IDLE_MS).unref();
    };
    try {
      return { client: await used.client, release };
    } catch (error) {
      release();
      throw error;
    }
  }
}

function spelled({ name, verb, variables }: HostCommandCall): { line: string; input: string } {
  return { line: commandLine(name, verb), input: commandInput(variables) };
}

async function collect(
  channel: ClientChannel,
  host: HostAddress,
  withinMs: number,
  signal?: AbortSignal,
): Promise<CommandResult> {
  let stdout = "";
  let stderr = "";
  channel.setEncoding("utf8");
  channel.stderr.setEncoding("utf8");
  channel.on("data", (chunk: string) => (stdout = stdout.length < MOST_OUTPUT ? stdout + chunk : stdout));
  channel.stderr.on("data", (chunk: string) => (stderr = (stderr + chunk).slice(-4_000)));
  return new Promise((resolve, reject) => {
    const give = (error: Error): void => {
      channel.destroy();
      reject(error);
    };
    const late = (): void =>
      give(
        new ApiError(
          504,
          "HostTooSlow",
          "Host too slow",
          `Host ${host.id} did not finish within ${withinMs / 1_000} s.`,
          { headers: { "retry-after": "10" } },
        ),
      );
    const timer = setTimeout(late, withinMs);
    const leave = (): void => give(signal?.reason as Error);
    signal?.addEventListener("abort", leave, { once: true });
    if (signal?.aborted === true) leave(); // before the host said that the command was started
    channel.once("close", (code: number | undefined) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", leave);
      resolve({ code: code ?? 255, stdout, stderr });
    });
  });
}
