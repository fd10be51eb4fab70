import { randomBytes } from "node:crypto";
import { native } from "../framework/native.ts";
import type { Call } from "../framework/stand-in.ts";
import { Archive, Asset, equal, type Properties, type Value } from "../framework/value.ts";
import type { ConnectionArgs } from "./connection-args.ts";
import { copyPath, copyText } from "./copy.ts";
import { schema } from "./schema.ts";
import { dial } from "./ssh.ts";

type Inputs = Properties & { connection: ConnectionArgs & Properties; remotePath: string; source: Asset | Archive };

async function copy(inputs: Inputs, call: Call<unknown>): Promise<void> {
  const client = await dial(inputs.connection, call);
  const stop = (): void => void client.destroy();
  call.signal.addEventListener("abort", stop);
  try {
    const { source, remotePath } = inputs;
    if (source instanceof Asset && source.path === undefined) await copyText(client, source.text ?? "", remotePath);
    else await copyPath(client, source.path ?? "", remotePath);
  } catch (error) {
    call.signal.throwIfAborted();
    throw error;
  } finally {
    call.signal.removeEventListener("abort", stop);
    client.destroy();
  }
}

/** A file, a text or a folder on another machine, over SFTP. Never deleted there. */
export const copyToRemote = native<unknown, Inputs, Inputs>(schema, {
  token: "command:remote:CopyToRemote",
  check: ({ source }) =>
    isRemote(source) ? [{ path: "source", reason: "asset must be a path-based file asset or a text asset" }] : [],
  create: async (inputs, call) => {
    await copy(inputs, call);
    return { id: randomBytes(4).toString("hex"), outputs: inputs };
  },
  update: async (inputs, old, call) => {
    const moved = inputs.remotePath !== old.remotePath || !equal(inputs.source, old.source);
    if (moved) await copy(inputs, call);
    return inputs;
  },
});

function isRemote(source: Value | undefined): boolean {
  return (source instanceof Asset || source instanceof Archive) && source.uri !== undefined;
}
