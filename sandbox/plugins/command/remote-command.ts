import { randomBytes } from "node:crypto";
import { native } from "../framework/native.ts";
import type { Call } from "../framework/stand-in.ts";
import type { Properties } from "../framework/value.ts";
import type { ConnectionArgs } from "./connection-args.ts";
import { previousOutput, type Logging } from "./output.ts";
import { execute } from "./remote-exec.ts";
import { schema } from "./schema.ts";

type Inputs = Properties & {
  connection: ConnectionArgs & Properties;
  create?: string;
  update?: string;
  delete?: string;
  environment?: Readonly<Record<string, string>>;
  stdin?: string;
  logging?: Logging;
  addPreviousOutputInEnv?: boolean;
};
interface Printed {
  stdout?: string;
  stderr?: string;
}

/** Without a command nothing is done, and what was printed before stays. */
async function run(command: string | undefined, of: Inputs, before: Printed, call: Call<unknown>): Promise<Properties> {
  if (command === undefined) return { stdout: before.stdout ?? "", stderr: before.stderr ?? "" };
  return await execute(
    {
      connection: of.connection,
      command,
      stdin: of.stdin,
      environment: Object.entries(of.environment ?? {}),
      optionalEnvironment: previousOutput(before, of.addPreviousOutputInEnv),
      logging: of.logging,
    },
    call,
  );
}

/** A command on another machine, over SSH. All verbs get the same stdin; delete uses the old connection. */
export const remoteCommand = native<unknown, Inputs, Inputs & Printed>(schema, {
  token: "command:remote:Command",
  create: async (inputs, call) => {
    const printed = await run(inputs.create, inputs, {}, call);
    return { id: call.name + randomBytes(4).toString("hex"), outputs: { ...inputs, ...printed } };
  },
  update: async (inputs, old, call) => ({
    ...inputs,
    ...(await run(inputs.update ?? inputs.create, inputs, old, call)),
  }),
  delete: async (old, call) => {
    await run(old.delete, old, old, call);
  },
});
