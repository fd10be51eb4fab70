import type { z } from "zod";

/** An error in Stripe's envelope: https://docs.stripe.com/api/errors */
export class StripeError extends Error {
  readonly status: number;
  readonly body: { readonly error: Readonly<Record<string, unknown>> };
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    error: { type: string; message: string; code?: string; param?: string },
    headers: Record<string, string> = {},
  ) {
    super(error.message);
    this.status = status;
    this.headers = headers;
    this.body = {
      error:
        error.code === undefined
          ? error
          : { ...error, doc_url: `https://stripe.com/docs/error-codes/${error.code.replaceAll("_", "-")}` },
    };
  }
}

export function invalidRequest(message: string, extra: { code?: string; param?: string } = {}): StripeError {
  return new StripeError(400, { type: "invalid_request_error", message, ...extra });
}

export function missing(what: string, id: string, param = "id"): StripeError {
  return new StripeError(404, {
    type: "invalid_request_error",
    code: "resource_missing",
    message: `No such ${what}: '${id}'`,
    param,
  });
}

/** The first problem of a request's parameters, in Stripe's words. */
export function fromZod(error: z.ZodError): StripeError {
  const issue = error.issues[0];
  if (issue === undefined) return invalidRequest("Invalid request.");
  if (issue.code === "unrecognized_keys") {
    const param = formName([...issue.path, issue.keys[0] ?? ""]);
    return invalidRequest(
      `Received unknown parameter: ${param} (the sandbox knows only a part of Stripe's parameters)`,
      { code: "parameter_unknown", param },
    );
  }
  const param = formName(issue.path);
  if (issue.code === "invalid_type" && issue.input === undefined) {
    return invalidRequest(`Missing required param: ${param}.`, { code: "parameter_missing", param });
  }
  return invalidRequest(`Invalid value for ${param}: ${issue.message}`, { param });
}

/** `items[0][price]`, as forms name nested parameters. */
function formName(path: readonly PropertyKey[]): string {
  const [first = "", ...rest] = path.map(String);
  return first + rest.map((part) => `[${part}]`).join("");
}
