import { createInterface } from "node:readline/promises";
import { CliError } from "./cli-error.ts";
import type { Session } from "./session.ts";

/** Has the name typed of what is to be deleted. Throws CliError when it is not, and where nobody can be asked. */
export async function confirmed(session: Session, what: string, kindOfName: string, name: string): Promise<void> {
  if (!process.stdin.isTTY) throw new CliError("Deleting asks first; in a script say --yes.");
  const asking = createInterface({ input: process.stdin, output: session.err });
  const typed = await asking
    .question(`${what} will be deleted. Type the ${kindOfName} to go on: `)
    .finally(() => asking.close());
  if (typed.trim() !== name) throw new CliError(`Not deleted: that was not the ${kindOfName}.`);
}
