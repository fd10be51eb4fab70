import { CliError } from "./cli/cli-error.ts";
import { commandLine } from "./cli/command-line.ts";

// `npm run cli -- --help`
try {
  await commandLine({ env: process.env, out: process.stdout, err: process.stderr }).parseAsync();
} catch (error) {
  if (!(error instanceof CliError)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
