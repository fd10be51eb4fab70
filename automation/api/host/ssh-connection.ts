import { once } from "node:events";
import { Client, type ClientChannel, type ConnectConfig } from "ssh2";
import type { HostSettings } from "../../../components/settings/platform-settings.ts";
import { ApiError } from "../problem.ts";

export type HostAddress = Pick<HostSettings, "id" | "address" | "ssh">;

const CONNECT_MS = 8_000;

/** A connection to a tenant host, to its pinned key and no other. Throws 502. */
export async function connect(host: HostAddress, privateKey: string): Promise<Client> {
  const client = new Client();
  const ready = once(client, "ready", { signal: AbortSignal.timeout(CONNECT_MS + 2_000) });
  client.on("error", () => {}); // `once` rejects with the first; later ones close the connection, which its user sees
  client.once("connect", () => client.setNoDelay(true)); // small packets that wait for each other: 40 ms at each turn
  let presented: string | undefined;
  client.connect({
    host: host.address,
    port: host.ssh.port,
    username: host.ssh.user,
    privateKey,
    readyTimeout: CONNECT_MS,
    keepaliveInterval: 10_000,
    keepaliveCountMax: 2,
    algorithms: { serverHostKey: keyAlgorithms(host.ssh.hostKey) },
    hostVerifier: (key: Buffer) => {
      presented = key.toString("base64");
      return presented === host.ssh.hostKey.split(" ")[1];
    },
  } satisfies ConnectConfig);
  try {
    await ready;
    return client;
  } catch (error) {
    client.destroy();
    throw unreachable(host, error, presented !== undefined && presented !== host.ssh.hostKey.split(" ")[1]);
  }
}

/** Only of the pinned key's type, so that a server cannot offer another of its keys. */
function keyAlgorithms(hostKey: string): ("ssh-ed25519" | "ecdsa-sha2-nistp256" | "rsa-sha2-512" | "rsa-sha2-256")[] {
  if (hostKey.startsWith("ssh-rsa ")) return ["rsa-sha2-512", "rsa-sha2-256"];
  return hostKey.startsWith("ecdsa-") ? ["ecdsa-sha2-nistp256"] : ["ssh-ed25519"];
}

function unreachable(host: HostAddress, cause: unknown, wrongKey: boolean): ApiError {
  const level = (cause as { level?: unknown }).level;
  const where = `Host ${host.id} (${host.address}:${host.ssh.port})`;
  if (wrongKey) {
    return new ApiError(
      502,
      "HostKeyMismatch",
      "Wrong host key",
      `${where} presents another key than the pinned one.`,
      {
        remedy: `If the host was reinstalled, put its new key into the platform's configuration (hosts[id=${host.id}].ssh.hostKey); if not, find out who answers there.`,
        cause,
      },
    );
  }
  if (level === "client-authentication") {
    return new ApiError(
      502,
      "HostRefused",
      "Host refused",
      `${where} does not accept the platform's SSH key for ${host.ssh.user}.`,
      {
        remedy: "Run pulumi up -s prod: the platform's stack lets its key in on its hosts.",
        cause,
      },
    );
  }
  return new ApiError(502, "HostUnreachable", "Host unreachable", `${where} does not answer over SSH.`, {
    remedy: "Check that the host is up and reachable from the server.",
    headers: { "retry-after": "10" },
    cause,
  });
}

/**
 * Starts a command; `input` is its standard input. `attach` is given the channel before anything can have come of it: a
 * quick command's output and end arrive together with the word that it was started.
 */
export async function execute<T>(
  client: Client,
  command: string,
  input: string,
  attach: (channel: ClientChannel) => T,
): Promise<Awaited<T>> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  client.exec(command, (error, channel) => {
    if (error !== undefined) return reject(error);
    channel.on("error", () => {}); // reading it rejects
    resolve(attach(channel));
    channel.end(input);
  });
  return await promise;
}
