import ssh2 from "ssh2";

export interface SshTarget {
  address: string;
  user?: string;
  /** OpenSSH private key. */
  privateKey: string;
  /** Public key line that the server must show. */
  hostKey: string;
}

export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Ssh {
  /** Runs a command with `input` on its standard input. */
  run(command: string, input?: string): Promise<CommandResult>;
  /** As `run`; throws unless it ends with 0. Resolves with its trimmed output. */
  ok(command: string, input?: string): Promise<string>;
  end(): void;
}

/** Logs in; refuses a server that shows another key than expected. */
export async function connectSsh(target: SshTarget): Promise<Ssh> {
  const client = new ssh2.Client();
  const expected = target.hostKey.split(" ")[1];
  await new Promise<void>((ready, failed) => {
    client
      .once("connect", () => client.setNoDelay(true)) // small packets that wait for each other: 40 ms at each turn
      .once("ready", ready)
      .once("error", failed)
      .connect({
        host: target.address,
        username: target.user ?? "root",
        privateKey: target.privateKey,
        hostVerifier: (key: Buffer) => key.toString("base64") === expected,
        readyTimeout: 10_000,
        keepaliveInterval: 5_000,
      });
  });
  let failure = new Error("the connection ended");
  client.on("error", (error) => (failure = error)); // the host may stop under an open connection
  const run = async (command: string, input = ""): Promise<CommandResult> =>
    await new Promise((ended, failed) => {
      const lost = () => failed(failure);
      client.once("close", lost);
      client.exec(command, (error, channel) => {
        if (error) return failed(error);
        const out: Buffer[] = [];
        const err: Buffer[] = [];
        channel.on("data", (chunk: Buffer) => out.push(chunk));
        channel.stderr.on("data", (chunk: Buffer) => err.push(chunk));
        channel.on("close", (code: number | null) => {
          client.off("close", lost);
          ended({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
        });
        channel.end(input);
      });
    });
  return {
    run,
    async ok(command, input) {
      const result = await run(command, input);
      if (result.code !== 0)
        throw new Error(`"${command}" ended with ${result.code}: ${result.stderr}${result.stdout}`);
      return result.stdout.trim();
    },
    end: () => client.end(),
  };
}
