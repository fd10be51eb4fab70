import { setTimeout } from "node:timers/promises";
import ssh2, { type Client, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";
import type { Log } from "../framework/stand-in.ts";
import type { ConnectionArgs, Endpoint } from "./connection-args.ts";

// Waits between attempts: sdk/go/common/util/retry in pulumi/pulumi
const FIRST_DELAY_MS = 100;
const BACKOFF = 1.5;
const LONGEST_DELAY_MS = 5_000;

export interface Dialing {
  signal: AbortSignal;
  log: Log;
}

/** Connects, by way of the bastion host if there is one; the caller ends the client. Every failure is retried. */
export async function dial(args: ConnectionArgs, dialing: Dialing): Promise<Client> {
  if (args.proxy === undefined)
    return await retrying("Dial", args.dialErrorLimit, dialing, () => connect(args, dialing));
  const { proxy } = args;
  const bastion = await retrying("Dial proxy", proxy.dialErrorLimit, dialing, () => connect(proxy, dialing)).catch(
    (error: unknown) => {
      throw new Error(`proxy: ${(error as Error).message}`, { cause: error });
    },
  );
  try {
    const client = await retrying("Dial from proxy", args.dialErrorLimit, dialing, async () => {
      const sock = await new Promise<ConnectConfig["sock"]>((resolve, reject) =>
        bastion.forwardOut("127.0.0.1", 0, args.host, args.port, (error, stream) =>
          error === undefined ? resolve(stream) : reject(error),
        ),
      );
      return await connect(args, dialing, sock);
    });
    client.on("close", () => bastion.end());
    return client;
  } catch (error) {
    bastion.end();
    throw error;
  }
}

async function retrying<T>(
  what: string,
  limit: number,
  { signal, log }: Dialing,
  attempt: () => Promise<T>,
): Promise<T> {
  let delay = FIRST_DELAY_MS;
  for (let failed = 0; ; failed++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (limit >= 0 && failed >= limit)
        throw new Error(`after ${failed} failed attempts: ${(error as Error).message}`, { cause: error });
      log.status(`${what} ${failed + 1}/${limit < 0 ? "inf" : limit} failed: retrying`);
    }
    await setTimeout(delay, undefined, { signal });
    delay = Math.min(delay * BACKOFF, LONGEST_DELAY_MS);
  }
}

async function connect(endpoint: Endpoint, { signal }: Dialing, sock?: ConnectConfig["sock"]): Promise<Client> {
  const config = connectConfig(endpoint, sock);
  const client = new ssh2.Client();
  client.on("error", () => {}); // later ones show in what they end; unheard, one would end the plugin
  signal.throwIfAborted();
  const stop = (): void => void client.destroy();
  signal.addEventListener("abort", stop);
  try {
    await new Promise<void>((resolve, reject) => {
      client.once("connect", () => client.setNoDelay(true)); // the handshake is small packets that wait for each other
      client.on("keyboard-interactive", (_name, _instructions, _language, prompts, answer) =>
        answer(prompts.map(() => endpoint.password ?? "")),
      );
      client.once("ready", resolve);
      client.once("error", reject);
      client.once("close", () => reject(new Error("connection closed")));
      client.connect(config);
    });
  } catch (error) {
    client.destroy();
    signal.throwIfAborted();
    throw handshakeError(error as Error, endpoint);
  } finally {
    signal.removeEventListener("abort", stop);
  }
  return client;
}

function connectConfig(endpoint: Endpoint, sock: ConnectConfig["sock"] | undefined): ConnectConfig {
  const agent = endpoint.agentSocketPath ?? process.env["SSH_AUTH_SOCK"];
  const { password } = endpoint;
  const config: ConnectConfig = {
    host: endpoint.host,
    port: Math.trunc(endpoint.port),
    username: endpoint.user,
    readyTimeout: endpoint.perDialTimeout * 1_000,
    tryKeyboard: password !== undefined,
  };
  if (sock !== undefined) config.sock = sock;
  if (endpoint.privateKey !== undefined) config.privateKey = endpoint.privateKey;
  if (endpoint.privateKeyPassword !== undefined) config.passphrase = endpoint.privateKeyPassword;
  if (password !== undefined) config.password = password;
  if (agent !== undefined && agent !== "") config.agent = agent;
  // Keys go before passwords, as in the official plugin.
  config.authHandler = [
    "none",
    ...(endpoint.privateKey === undefined ? [] : (["publickey"] as const)),
    ...(password === undefined ? [] : (["password", "keyboard-interactive"] as const)),
    ...(config.agent === undefined ? [] : (["agent"] as const)),
  ];
  if (endpoint.hostKey !== undefined) pinHostKey(config, endpoint.hostKey);
  return config;
}

/** Only this key, and only its kind is negotiated: another kind that the server has as well would not match. */
function pinHostKey(config: ConnectConfig, line: string): void {
  const [type = "", base64 = ""] = line.trim().split(/\s+/);
  const expected = Buffer.from(base64, "base64");
  if (base64 === "" || ssh2.utils.parseKey(`${type} ${base64}`) instanceof Error)
    throw new Error('failed to parse host key: give the server\'s public key line, such as "ssh-ed25519 AAAA..."');
  const kinds = type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [type];
  config.algorithms = { serverHostKey: kinds as ServerHostKeyAlgorithm[] };
  config.hostVerifier = (key: Buffer) => key.equals(expected);
}

function handshakeError(error: Error & { level?: string }, endpoint: Endpoint): Error {
  const where = `${endpoint.host}:${endpoint.port}`;
  if (error.message.startsWith("Host denied") || error.message.includes("no matching host key"))
    return new Error(`ssh: handshake failed: ssh: host key mismatch (${where})`, { cause: error });
  if (error.level === "client-authentication")
    return new Error(`ssh: handshake failed: ssh: unable to authenticate as ${endpoint.user} (${where})`, {
      cause: error,
    });
  return new Error(`dial ${where}: ${error.message}`, { cause: error });
}
