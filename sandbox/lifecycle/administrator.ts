import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import type { InstanceSecrets } from "./secrets.ts";

/**
 * An SSH agent with the administrator's key while `work` runs, as an operator has one: the platform's stack logs in on
 * hosts with it. `work` gets what belongs into the engine's environment.
 */
export async function withAdministratorsKey<T>(
  secrets: Pick<InstanceSecrets, "sshAdministrator">,
  work: (environment: { SSH_AUTH_SOCK: string }) => Promise<T>,
): Promise<T> {
  const key = ssh2.utils.parseKey(secrets.sshAdministrator.privateKey);
  if (key instanceof Error) throw key;
  const directory = mkdtempSync(join(tmpdir(), "odoosaas-agent-")); // readable by its owner only
  const socket = join(directory, "agent");
  const server = createServer((connection) => {
    const agent = new ssh2.AgentProtocol(false);
    agent.on("identities", (request) => agent.getIdentitiesReply(request, [key]));
    agent.on("sign", (request, asked, data) => {
      if (asked.getPublicSSH().equals(key.getPublicSSH())) agent.signReply(request, key.sign(data));
      else agent.failureReply(request);
    });
    agent.on("error", () => connection.destroy());
    connection.on("error", () => {}); // an engine that was killed
    connection.pipe(agent).pipe(connection);
  });
  try {
    server.listen(socket);
    await once(server, "listening");
    return await work({ SSH_AUTH_SOCK: socket });
  } finally {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
