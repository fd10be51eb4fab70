import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { native } from "../framework/native.ts";
import type { Call } from "../framework/stand-in.ts";
import type { Properties } from "../framework/value.ts";
import { CommandOutput, previousOutput, type Logging } from "./output.ts";
import { schema } from "./schema.ts";

type Inputs = Properties & {
  create?: string;
  update?: string;
  delete?: string;
  dir?: string;
  interpreter?: readonly string[];
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
  call.signal.throwIfAborted();
  const [program = "/bin/sh", ...args] = of.interpreter?.length ? of.interpreter : ["/bin/sh", "-c"];
  const child = spawn(program, [...args, command], {
    cwd: of.dir,
    env: {
      ...process.env,
      ...of.environment,
      ...Object.fromEntries(previousOutput(before, of.addPreviousOutputInEnv)),
    },
    detached: true, // a process group of its own, so that what it started can be ended with it
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = new CommandOutput(call.log, of.logging);
  child.stdout.on("data", (chunk: Buffer) => output.add("stdout", chunk));
  child.stderr.on("data", (chunk: Buffer) => output.add("stderr", chunk));
  child.stdin.on("error", () => {}); // a command that does not read its input is not at fault
  child.stdin.end(of.stdin ?? "");
  const stop = (): void => endGroup(child.pid);
  call.signal.addEventListener("abort", stop);
  try {
    const ending = await new Promise<string | undefined>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) =>
        resolve(code === 0 ? undefined : code === null ? `signal: ${signal}` : `exit status ${code}`),
      );
    });
    call.signal.throwIfAborted();
    if (ending !== undefined) throw output.failure(ending, command);
    return output.result();
  } finally {
    call.signal.removeEventListener("abort", stop);
  }
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGTERM");
  } catch {
    // gone already
  }
}

/** A command on the machine that runs the engine, in the plugin's working directory unless `dir` says otherwise. */
export const localCommand = native<unknown, Inputs, Inputs & Printed>(schema, {
  token: "command:local:Command",
  check: (inputs) =>
    ["assetPaths", "archivePaths"]
      .filter((name) => inputs[name] !== undefined)
      .map((path) => ({ path, reason: "Not covered by the sandbox's command plugin" })),
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
