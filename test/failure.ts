import { inspect } from "node:util";

/** What a person needs to see of a failed test: the message with its diff, the stack without Node's own lines. */
export function describeFailure(error: unknown, root: string): string {
  // node:test wraps what a test threw; without a cause (timeout, cancellation) the wrapper's message is all there is.
  if (!isTestFailure(error)) return describe(error, root);
  if (error.signal != null) return `its process was ended by ${error.signal}`;
  if (error.exitCode != null) return `its process ended with exit code ${error.exitCode}`;
  return error.cause === undefined ? error.message : describe(error.cause, root);
}

/** A parent that failed only because one inside it did. */
export function failedInside(error: unknown): boolean {
  return isTestFailure(error) && error.failureType === "subtestsFailed";
}

function describe(error: unknown, root: string): string {
  if (!(error instanceof Error)) return typeof error === "string" ? error : inspect(error);
  const lines = [tidy(error.stack ?? String(error), root)];
  if (error instanceof AggregateError) lines.push(...error.errors.map((one) => `- ${describe(one, root)}`));
  if (error.cause !== undefined) lines.push(`caused by ${describe(error.cause, root)}`);
  return lines.join("\n");
}

function tidy(stack: string, root: string): string {
  return stack
    .split("\n")
    .filter((line) => !/^\s+at .*(node:|node_modules)/.test(line))
    .join("\n")
    .replaceAll(`file://${root}/`, "")
    .trimEnd();
}

/** The last two only of a file's process. */
type TestFailure = Error & { failureType?: string; exitCode?: number | null; signal?: string | null };

function isTestFailure(error: unknown): error is TestFailure {
  return error instanceof Error && "code" in error && error.code === "ERR_TEST_FAILURE";
}
