import { CliError } from "./cli/cli-error.ts";
import { commandLine } from "./cli/command-line.ts";

// `npm run cli -- --help`
try {
  await commandLine({ env: process.env, out: process.stdout, err: process.stderr }).parseAsync();
} catch (error) {
  if (isMistakeHere(error)) throw error;
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

/** What only its stack trace explains; what the world refuses (a file, a server, PostgreSQL) says so itself. */
function isMistakeHere(error: unknown): boolean {
  return !(error instanceof CliError) && [TypeError, RangeError, ReferenceError].some((kind) => error instanceof kind);
}
