import type { Log } from "../framework/stand-in.ts";

/** What of a command's output goes into the engine's display; both by default. */
export type Logging = "stdout" | "stderr" | "stdoutAndStderr" | "none";

/** Characters of output that a failed command's error repeats. */
const TAIL = 16_384;

/** Collects both outputs of a command, and shows their lines as they come. */
export class CommandOutput {
  readonly #chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[], both: [] as Buffer[] };
  readonly #lines = { stdout: "", stderr: "" };
  readonly #logging: Logging;
  readonly #log: Log;

  constructor(log: Log, logging: Logging = "stdoutAndStderr") {
    this.#log = log;
    this.#logging = logging;
  }

  add(from: "stdout" | "stderr", chunk: Buffer): void {
    this.#chunks[from].push(chunk);
    this.#chunks.both.push(chunk);
    if (this.#logging !== from && this.#logging !== "stdoutAndStderr") return;
    const lines = (this.#lines[from] + chunk.toString()).split("\n");
    this.#lines[from] = lines.pop() ?? "";
    for (const line of lines) this.#log.status(line);
  }

  /** One newline at the end is cut, as a shell's `$(...)` would cut it. */
  result(): { stdout: string; stderr: string } {
    for (const rest of Object.values(this.#lines)) if (rest !== "") this.#log.status(rest);
    return { stdout: text(this.#chunks.stdout), stderr: text(this.#chunks.stderr) };
  }

  failure(ending: string, command: string): Error {
    const all = Buffer.concat(this.#chunks.both).toString();
    const tail = all.length > TAIL ? `...${all.slice(-TAIL)}` : all;
    return new Error(`${ending}: running ${JSON.stringify(command)}:\n${tail}`);
  }
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString().replace(/\n$/, "");
}

/** Variables that tell a command what the last one printed. */
export function previousOutput(
  old: { stdout?: string; stderr?: string } | undefined,
  wanted: boolean | undefined,
): [string, string][] {
  if (wanted === false) return [];
  const given: [string, string | undefined][] = [
    ["PULUMI_COMMAND_STDOUT", old?.stdout],
    ["PULUMI_COMMAND_STDERR", old?.stderr],
  ];
  return given.filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "");
}
