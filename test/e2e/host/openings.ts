import ssh2 from "ssh2";
import type { SshTarget } from "./ssh.ts";

/** What else than a command a login may open, by name; each is tried over a connection of its own. */
const TRIES: Record<string, (client: ssh2.Client, done: (opened: boolean) => void) => void> = {
  "a shell": (client, done) =>
    client.shell(false, (error, channel) => (error ? done(false) : answers(channel, "echo open\n", done))),
  "a terminal": (client, done) => client.exec("id", { pty: true }, (error) => done(error === undefined)),
  "file transfer": (client, done) => client.sftp((error) => done(error === undefined)),
  "a port of its loopback": (client, done) =>
    client.forwardOut("127.0.0.1", 0, "127.0.0.1", 8069, (error) => done(error === undefined)),
  "a socket": (client, done) =>
    client.openssh_forwardOutStreamLocal("/run/postgresql/.s.PGSQL.6432", (error) => done(error === undefined)),
  "a port that listens": (client, done) => client.forwardIn("127.0.0.1", 0, (error) => done(error === undefined)),
};

/** Names of what could be opened; empty when a login may run commands at most. */
export async function openings(target: SshTarget): Promise<string[]> {
  const opened: string[] = [];
  for (const [name, attempt] of Object.entries(TRIES)) {
    if (await tryOne(target, attempt)) opened.push(name);
  }
  return opened;
}

async function tryOne(target: SshTarget, attempt: (typeof TRIES)[string]): Promise<boolean> {
  const client = new ssh2.Client();
  const expected = target.hostKey.split(" ")[1];
  try {
    return await new Promise<boolean>((resolve, reject) => {
      client.once("ready", () => attempt(client, resolve)).on("error", reject);
      client.connect({
        host: target.address,
        username: target.user ?? "root",
        privateKey: target.privateKey,
        hostVerifier: (key: Buffer) => key.toString("base64") === expected,
        readyTimeout: 10_000,
      });
    });
  } finally {
    client.end();
  }
}

function answers(channel: ssh2.ClientChannel, input: string, done: (opened: boolean) => void): void {
  let said = "";
  channel.on("data", (chunk: Buffer) => (said += chunk.toString())).on("close", () => done(said.includes("open")));
  channel.end(input);
}
