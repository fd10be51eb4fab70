/** What a wrong value's owner needs: which field, which value, and the way out. */
export interface FieldProblem {
  /** Dotted path of the field, as its owner writes it: `tenant.subdomain`. */
  field: string;
  /** The value as given; never a secret (secrets are reported as `"(secret)"`). */
  value: unknown;
  /** One sentence telling what to do. */
  remedy: string;
}

/** A value that its owner can correct. Becomes RFC 9457 problem+json in the API and a plain line in the CLI. */
export class FieldError extends Error {
  readonly field: string;
  readonly value: unknown;
  readonly remedy: string;

  constructor(message: string, problem: FieldProblem, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.field = problem.field;
    this.value = problem.value;
    this.remedy = problem.remedy;
  }
}

/** Every problem of a configuration at once, so that nobody corrects one and meets the next. */
export class SettingsError extends Error {
  readonly problems: readonly string[];

  constructor(subject: string, problems: readonly string[], advice?: string) {
    super(
      [
        `${subject} has ${problems.length} problem${problems.length === 1 ? "" : "s"}:`,
        ...problems.map((problem) => `  - ${problem}`),
        ...(advice === undefined ? [] : [advice]),
      ].join("\n"),
    );
    this.name = "SettingsError";
    this.problems = problems;
  }
}
