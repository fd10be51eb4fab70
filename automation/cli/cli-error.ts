/** What the user can act on; printed without a stack trace. */
export class CliError extends Error {
  override readonly name = "CliError";
}
