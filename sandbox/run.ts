import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface RunOptions {
  cwd?: string;
  /** The whole environment; default: this process's. */
  env?: NodeJS.ProcessEnv;
  /** Written to standard input, which is empty otherwise. The place for secrets: arguments show in the process list. */
  input?: string;
  /** Every line of both outputs, as it comes. */
  onLine?: (line: string) => void;
  /** Default: this process's. Only root can choose. */
  user?: { uid: number; gid: number };
  /** Ends the command (SIGTERM). */
  signal?: AbortSignal;
  timeoutMs?: number;
}

/** A command ended badly; the message carries its last lines. */
export class CommandFailed extends Error {
  readonly exitCode: number | null;
  /** The last 40 lines of both outputs. */
  readonly lastLines: readonly string[];

  constructor(
    command: string,
    ending: string,
    exitCode: number | null,
    lastLines: readonly string[],
    options?: ErrorOptions,
  ) {
    super([`"${command}" ${ending}`, ...lastLines.slice(-10).map((line) => `    ${line}`)].join("\n"), options);
    this.name = "CommandFailed";
    this.exitCode = exitCode;
    this.lastLines = lastLines;
  }
}

/** Runs a command to its end and resolves with its standard output. Throws CommandFailed unless it exits with 0. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const shown = [command, ...args].join(" ");
  const signals = [
    options.signal,
    options.timeoutMs === undefined ? undefined : AbortSignal.timeout(options.timeoutMs),
  ];
  const signal = AbortSignal.any(signals.filter((each) => each !== undefined));
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    signal,
    stdio: ["pipe", "pipe", "pipe"],
    ...options.user,
  });
  const output: string[] = [];
  const lastLines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      if (stream === child.stdout) output.push(line);
      lastLines.push(line);
      if (lastLines.length > 40) lastLines.shift();
      options.onLine?.(line);
    });
  }
  child.stdin.on("error", () => {}); // a command that does not read its input is not at fault
  child.stdin.end(options.input ?? "");
  try {
    const [code, killedBy] = (await once(child, "close")) as [number | null, string | null];
    if (code !== 0)
      throw new CommandFailed(
        shown,
        code === null ? `was ended by ${killedBy}` : `exited with ${code}`,
        code,
        lastLines,
      );
  } catch (error) {
    if (error instanceof CommandFailed) throw error;
    if (signal.aborted) {
      const reason =
        signal.reason === options.signal?.reason ? "was interrupted" : `did not end within ${options.timeoutMs} ms`;
      throw new CommandFailed(shown, reason, null, lastLines, { cause: error });
    }
    throw new CommandFailed(shown, `could not be started: ${(error as Error).message}`, null, lastLines, {
      cause: error,
    });
  }
  return output.join("\n");
}
