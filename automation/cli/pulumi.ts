import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { CliError } from "./cli-error.ts";
import type { Session } from "./session.ts";

/** The engine's command line as the operator has it: their environment, their project, one stack. */
export interface OperatorsPulumi {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  /**
   * Resolves with its standard output. `input`: a secret goes by standard input. `ofStack`: names the stack, default
   * true. Throws CliError with the end of what it said.
   */
  run(args: readonly string[], input?: string, ofStack?: boolean): Promise<string>;
}

/**
 * The engine reads ten stacks at once, each of which may hold a connection to a PostgreSQL backend while it waits for a
 * second, but it opens two for each processor at most (v3.259.0, backend/diy/postgres/bucket.go): with as many stacks as
 * that `stack ls` waits for ever.
 */
const ONE_AT_A_TIME = { PULUMI_DIY_BACKEND_PARALLEL: "1" };

/** Throws CliError where no state backend is named. */
export function operatorsPulumi(session: Session, cwd: string, stack: string): OperatorsPulumi {
  if (session.env["PULUMI_BACKEND_URL"] === undefined)
    throw new CliError("PULUMI_BACKEND_URL is not set: run this where the platform's stack is operated from.");
  const command = session.env["PULUMI_COMMAND"] ?? "pulumi";
  const known = Object.entries(session.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const env = { ...Object.fromEntries(known), ...ONE_AT_A_TIME, PULUMI_SKIP_UPDATE_CHECK: "true" };
  return {
    command,
    env,
    async run(args, input = "", ofStack = true) {
      const named = ofStack ? ["--stack", stack] : [];
      const child = spawn(command, [...args, ...named, "--non-interactive"], { cwd, env });
      child.stdin.on("error", () => {}); // it ended without reading
      child.stdin.end(input);
      const [out, err, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, "exit") as Promise<[number | null]>,
      ]);
      if (code === 0) return out;
      throw new CliError(`pulumi ${args[0]} ended with ${code}: ${(err || out).trim().slice(-1_500)}`);
    },
  };
}
