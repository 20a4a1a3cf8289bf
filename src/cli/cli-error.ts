/** A failure that its message explains: printed without a stack trace, exit code 1. */
export class CliError extends Error {
  override readonly name = "CliError";
}
