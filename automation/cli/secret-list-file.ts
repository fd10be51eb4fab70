import { chmodSync, chownSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { CliError } from "./cli-error.ts";

/** A comma separated list of secrets in a file, newest first, as the server reads it (`NAME_FILE`). */
export class SecretListFile {
  readonly path: string;

  /** Follows a link: what it points to is replaced, in the same folder. */
  constructor(variable: string, given: string | undefined) {
    if (given === undefined) {
      throw new CliError(
        `${variable} is not set. Only a secret that the server reads from a file can be exchanged without a restart: put it into a file, and start the server with ${variable} instead.`,
      );
    }
    try {
      this.path = realpathSync(given);
    } catch (error) {
      throw new CliError(
        `${variable}: ${given} cannot be found (${(error as { code?: string }).code ?? "why is unknown"}).`,
      );
    }
  }

  read(): string[] {
    return readFileSync(this.path, "utf8")
      .split(",")
      .map((secret) => secret.trim())
      .filter((secret) => secret !== "");
  }

  write(secrets: readonly string[]): void {
    this.replace(`${secrets.join(",")}\n`);
  }

  replace(text: string): void {
    replaceFile(this.path, text);
  }
}

/** In one step, with the owner and the mode that the file has. */
export function replaceFile(path: string, text: string): void {
  const unfinished = `${path}.${process.pid}.new`;
  const { uid, gid, mode } = statSync(path);
  try {
    writeFileSync(unfinished, text, { mode: 0o600, flag: "wx" });
    chownSync(unfinished, uid, gid);
    chmodSync(unfinished, mode & 0o777);
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw new CliError(`${path} cannot be replaced: ${(error as Error).message}`);
  }
}
