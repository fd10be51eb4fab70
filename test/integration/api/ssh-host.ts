import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import ssh2 from "ssh2";
import { newSshKeyPair } from "../../../components/host/ssh-key-pair.ts";
import { COMMAND_DIRECTORY } from "../../../components/host/host-command.ts";
import type { HostAddress } from "../../../automation/api/host/ssh-connection.ts";

export interface SshHost {
  readonly host: HostAddress;
  /** OpenSSH private key that the host accepts. */
  readonly key: string;
  /** Command lines that were run. */
  readonly commands: string[];
  /** Connections that were made, ever. */
  readonly connections: () => number;
  /** Running commands. */
  readonly running: () => number;
}

/**
 * A real SSH server on loopback that runs commands by bash, with tools of the test's own before the machine's. What sudo
 * is asked to run as one of the platform's commands is the tool of that name.
 */
export async function startSshHost(
  t: Pick<TestContext, "after">,
  tools: Readonly<Record<string, string>>,
  user = "odoosaas",
): Promise<SshHost> {
  const directory = await mkdtemp(join(tmpdir(), "odoosaas-ssh-"));
  const sudo = `[ "$1" = -n ] && [[ $2 == ${COMMAND_DIRECTORY}/* ]] && exec "${directory}/\${2##*/}" "\${@:3}"`;
  for (const [name, script] of Object.entries({ sudo, ...tools })) {
    await writeFile(join(directory, name), `#!/usr/bin/env bash\n${script}\n`);
    await chmod(join(directory, name), 0o755);
  }
  const hostKey = keyPair();
  const clientKey = keyPair();
  const commands: string[] = [];
  let connections = 0;
  let running = 0;
  const open = new Set<ssh2.Connection>();
  const server = new ssh2.Server({ hostKeys: [hostKey.private] }, (connection) => {
    connections++;
    open.add(connection);
    connection.on("error", () => {}).on("close", () => open.delete(connection));
    connection.on("authentication", (request) => {
      const known =
        request.method === "publickey" && request.username === user && request.key.data.equals(clientKey.blob);
      if (known) request.accept();
      else request.reject(["publickey"]);
    });
    connection.on("session", (accept) => {
      accept().on("exec", (acceptExec, _reject, { command }) => {
        commands.push(command);
        const channel = acceptExec();
        const child = spawn("bash", ["-c", command], {
          detached: true, // a group of its own, to be ended as a whole
          // Bash takes a socket for a remote shell's, and would run the profile of whoever runs the tests.
          env: { PATH: `${directory}:${process.env["PATH"] ?? ""}`, HOME: directory, SHLVL: "2" },
        });
        running++;
        channel.pipe(child.stdin);
        child.stdin.on("error", () => {});
        child.stdout.pipe(channel, { end: false });
        child.stderr.pipe(channel.stderr, { end: false });
        channel.on("close", () => {
          if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
        });
        child.on("close", (code) => {
          running--;
          channel.exit(code ?? 255);
          channel.end();
        });
      });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    for (const connection of open) connection.end();
    server.close();
    await rm(directory, { recursive: true, force: true });
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: {
      id: 105,
      address: "127.0.0.1",
      ssh: { port, user, adminUser: "root", hostKey: `ssh-ed25519 ${hostKey.blob.toString("base64")}` },
    },
    key: clientKey.private,
    commands,
    connections: () => connections,
    running: () => running,
  };
}

function keyPair(): { private: string; blob: Buffer } {
  const { privateKey: text, publicKey: line } = newSshKeyPair("test");
  return { private: text, blob: Buffer.from(line.split(" ")[1] ?? "", "base64") };
}

/** A key that no host of a test knows. */
export function strangersKey(): string {
  return keyPair().private;
}
