import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { CliError } from "./cli-error.ts";

export interface Wanted {
  /** As it is called in sentences. */
  readonly what: string;
  /** File that holds it. Default standard input. */
  readonly from: string | undefined;
  readonly form: RegExp;
  /** The form in words. */
  readonly is: string;
}

/** A secret from standard input or a file, never from the command line, which all users of the machine can read. */
export async function newSecret({ what, from, form, is }: Wanted): Promise<string> {
  const given = (from === undefined ? await typed(what) : read(from)).trim();
  if (!form.test(given)) throw new CliError(`The new ${what} must be ${is}. Nothing was changed.`);
  return given;
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CliError(`--from: ${file} cannot be read (${(error as { code?: string }).code ?? "why is unknown"}).`);
  }
}

async function typed(what: string): Promise<string> {
  if (!process.stdin.isTTY) return text(process.stdin);
  process.stderr.write(`The new ${what} (it is not shown): `);
  process.stdin.setRawMode(true);
  try {
    let line = "";
    for await (const chunk of process.stdin) {
      for (const key of (chunk as Buffer).toString("utf8")) {
        if (key === "\u0003") throw new CliError("Interrupted. Nothing was changed.");
        if (key === "\r" || key === "\n" || key === "\u0004") return line;
        line = key === "\u007f" ? line.slice(0, -1) : line + key;
      }
    }
    return line;
  } finally {
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stderr.write("\n");
  }
}
