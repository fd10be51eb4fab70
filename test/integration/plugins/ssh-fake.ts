import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from "ssh2";
import { newSshKeyPair } from "../../../components/host/ssh-key-pair.ts";
import { serveFiles } from "./sftp-fake.ts";

const { utils } = ssh2;

/** A server key and a client key, made once per process. */
export const HOST_KEY = newSshKeyPair("test");
export const USER_KEY = newSshKeyPair("test");

export interface SshFake {
  port: number;
  /** Connections that got as far as a login. */
  logins: () => number;
  /** Sessions' channels that are open at this moment. */
  open: () => number;
  /** Variables and commands as they came. */
  seen: string[];
}

/**
 * An SSH server on loopback: runs commands with /bin/sh, serves files, passes connections on. Accepts USER_KEY, or
 * the password "right", or "asked" when asked, as user "root"; takes variables whose names begin with ACCEPTED.
 */
export async function sshFake(t: TestContext): Promise<SshFake> {
  const seen: string[] = [];
  let logins = 0;
  let open = 0;
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [HOST_KEY.privateKey] }, (connection) => {
    connections.add(connection);
    (connection as Connection & { setNoDelay: (on: boolean) => void }).setNoDelay(true);
    connection.on("authentication", authenticate).on("error", () => {});
    connection.on("close", () => connections.delete(connection));
    connection.on("ready", () => {
      logins++;
      connection.on("session", (accept) => serveSession(accept(), seen, (change) => (open += change)));
      connection.on("tcpip", (accept, reject, info) => passOn(info.destPort, accept, reject));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    for (const connection of connections) connection.end();
    server.close();
    await once(server, "close");
  });
  return { port: (server.address() as AddressInfo).port, logins: () => logins, open: () => open, seen };
}

function authenticate(context: AuthContext): void {
  if (context.username !== "root") context.reject();
  else if (context.method === "password" && context.password === "right") context.accept();
  else if (context.method === "publickey") {
    const allowed = utils.parseKey(USER_KEY.publicKey);
    if (allowed instanceof Error || !context.key.data.equals(allowed.getPublicSSH())) context.reject();
    else if (context.signature && context.blob && !allowed.verify(context.blob, context.signature, context.hashAlgo))
      context.reject();
    else context.accept();
  } else if (context.method === "keyboard-interactive")
    context.prompt("Password: ", (answers) => (answers[0] === "asked" ? context.accept() : context.reject()));
  else context.reject(["publickey", "password", "keyboard-interactive"]);
}

function serveSession(session: Session, seen: string[], count: (change: number) => void): void {
  const env: Record<string, string> = {};
  session.on("env", (accept, reject, { key, val }: { key: string; val: string }) => {
    seen.push(`env ${key}`);
    if (!key.startsWith("ACCEPTED")) return reject?.();
    env[key] = val;
    accept?.();
  });
  session.on("exec", (accept, _reject, { command }) => {
    seen.push(`exec ${command}`);
    const channel = accept();
    count(1);
    channel.on("close", () => count(-1));
    runCommand(channel, command, env, session);
  });
  session.on("sftp", (accept) => serveFiles(accept()));
}

function runCommand(channel: ServerChannel, command: string, env: Record<string, string>, session: Session): void {
  const child = spawn("/bin/sh", ["-c", command], { env: { PATH: process.env["PATH"] ?? "", ...env }, detached: true });
  child.stdin.on("error", () => {});
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  const end = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // has ended
    }
  };
  session.on("signal", end);
  channel.on("close", end);
  child.on("close", (code, signal) => {
    if (signal === null) channel.exit(code ?? 255);
    else channel.exit(signal.replace("SIG", ""));
    channel.end();
  });
}

function passOn(port: number, accept: () => ServerChannel, reject: () => void): void {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", reject);
  socket.on("connect", () => {
    const channel = accept();
    channel.on("error", () => {});
    channel.pipe(socket).pipe(channel);
  });
}
