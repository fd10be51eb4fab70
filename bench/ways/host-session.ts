import ssh2 from "ssh2";
import type { HostSettings } from "../../components/settings/platform-settings.ts";

/** A login on a tenant host. */
export interface HostSession {
  /** Runs a command with `input` on its standard input; throws unless it ends with 0. */
  run(command: string, input: string): Promise<void>;
  end(): void;
}

export async function openHostSession(host: HostSettings, user: string, privateKey: string): Promise<HostSession> {
  const client = new ssh2.Client();
  const expected = host.ssh.hostKey.split(" ")[1];
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => client.setNoDelay(true)); // the handshake is small packets that wait for each other
    client.once("ready", resolve).once("error", reject);
    client.connect({
      host: host.address,
      port: host.ssh.port,
      username: user,
      privateKey,
      hostVerifier: (key: Buffer) => key.toString("base64") === expected,
    });
  });
  return {
    run: async (command, input) =>
      await new Promise((resolve, reject) => {
        client.exec(command, (error, channel) => {
          if (error) return reject(error);
          let said = "";
          channel.on("data", () => {});
          channel.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
          channel.on("close", (code: number | null) =>
            code === 0 ? resolve() : reject(new Error(`"${command}" ended with ${code}: ${said}`)),
          );
          channel.end(input);
        });
      }),
    end: () => client.end(),
  };
}
