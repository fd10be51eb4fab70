import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { commandLine } from "../../../automation/cli/command-line.ts";
import { SECRET, type TestApi } from "../api/fixture.ts";

interface Ran {
  readonly out: string;
  readonly err: string;
  /** What it ended with; undefined when all was well. */
  readonly error: string | undefined;
}

/** A command line as a terminal would run it. */
export async function run(env: Record<string, string | undefined>, ...args: string[]): Promise<Ran> {
  const [out, err] = ["", ""].map(() => {
    let text = "";
    return {
      stream: new Writable({ write: (chunk: Buffer, _encoding, done) => ((text += chunk.toString()), done()) }),
      text: () => text,
    };
  });
  assert(out !== undefined && err !== undefined);
  const program = commandLine({ env: { HOME: "/nonexistent", ...env }, out: out.stream, err: err.stream });
  const error = await program.parseAsync(args, { from: "user" }).then(
    () => undefined,
    (reason: unknown) => (reason as Error).message,
  );
  return { out: out.text(), err: err.text(), error };
}

/** By an admin who has the server's secret. */
export const against =
  (api: TestApi) =>
  (...args: string[]) =>
    run({ API_URL: api.url, JWT_SECRET: SECRET }, ...args);
