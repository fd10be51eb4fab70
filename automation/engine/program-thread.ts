// A thread that hosts inline programs, one at a time. Programs are kept off the server's own thread because the SDK
// handles failures by process-wide hooks (one run's failure would be counted against all running ones), and because
// evaluating a program would hold up the API.
import { parentPort, workerData } from "node:worker_threads";
import { output } from "@pulumi/pulumi";
import { LocalWorkspace, type PulumiCommand, type PulumiFn, Stack } from "@pulumi/pulumi/automation/index.js";
import type { EngineEvent } from "@pulumi/pulumi/automation/events.js";
import type { FromThread, RunRequest, ToThread } from "./program-messages.ts";

const port = parentPort;
if (port === null) throw new Error("program-thread.ts runs as a worker thread only");
const tell = (message: FromThread): void => port.postMessage(message);

const { programModule } = workerData as { programModule: string };
const { default: makeProgram } = (await import(programModule)) as {
  default: (...args: readonly unknown[]) => PulumiFn;
};

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}
const calls = new Map<number, (ended: Ended) => void>();
let lastCall = 0;

const KNOWN_ANSWERS: Readonly<Record<string, string>> = {
  "stack select": "",
  "stack output": "{}",
  "stack history": "[]",
};

/**
 * Stands for the CLI. Of the commands that the Automation API issues around an update, only the update itself starts
 * a process: the stack is known to exist, outputs come from the program itself, and nobody reads the history.
 */
function commandFor(request: RunRequest): PulumiCommand {
  const command = {
    command: "pulumi",
    version: { toString: () => request.pulumiVersion },
    async run(args: string[], _cwd: string, env: Record<string, string>): Promise<Ended> {
      const known = KNOWN_ANSWERS[args.slice(0, 2).join(" ")];
      if (known !== undefined) return { code: 0, stdout: known, stderr: "" };
      const call = (lastCall += 1);
      const ended = new Promise<Ended>((resolve) => calls.set(call, resolve));
      const last = args[0] === "destroy" ? ["--remove", "--non-interactive"] : ["--non-interactive"]; // saves a `stack rm`
      tell({ kind: "command", call, args: [...args, ...last], env });
      const result = await ended;
      if (result.code !== 0)
        throw new Error(result.stderr.trim() || result.stdout.trim() || `exit code ${result.code}`);
      return result;
    },
  };
  return command as unknown as PulumiCommand; // these are the members that the Automation API uses
}

async function run(request: RunRequest): Promise<void> {
  let outputs: Record<string, unknown> = {};
  const inner = request.program === undefined ? undefined : makeProgram(...request.program);
  const program: PulumiFn | undefined =
    inner &&
    (async () => {
      const returned = (await inner()) ?? {};
      output(returned).apply((values) => (outputs = values as Record<string, unknown>)); // not called for unknowns of a preview
      return returned;
    });
  const workspace = await LocalWorkspace.create({
    workDir: request.workDir,
    pulumiCommand: commandFor(request),
    envVars: { ...request.env },
    ...(program === undefined ? {} : { program }),
  });
  const stack = await Stack.select(request.stack, workspace);
  const options = {
    onEvent: (event: EngineEvent) => tell({ kind: "event", event }),
    refresh: request.refresh,
    suppressProgress: true,
    color: "never" as const,
  };
  if (request.verb === "preview") await stack.preview(options);
  else if (request.verb === "destroy") await stack.destroy(options);
  else await stack.up({ ...options, suppressOutputs: true });
  tell({ kind: "succeeded", outputs: structuredClone(outputs) });
}

port.on("message", (message: ToThread) => {
  if (message.kind === "command-ended") {
    calls.get(message.call)?.(message);
    calls.delete(message.call);
    return;
  }
  run(message.request).catch((error: unknown) =>
    tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
});
tell({ kind: "ready" });
