import { z } from "zod";
import { FieldError } from "../../components/field-error.ts";
import {
  CustomDomainTaken,
  NoRoom,
  StaleGeneration,
  SubdomainTaken,
  SubscriptionHasTunnel,
  SubscriptionTaken,
  TenantIsDeleted,
  UnknownTenant,
} from "../tenants/errors.ts";
import { guideTo, REASONS, TenantFailure } from "../tenants/reasons.ts";
import { HostnameTaken, TunnelIsDeleted, UnknownTunnel } from "../tunnels/errors.ts";
import { isOutage } from "../db/outage.ts";

export const WrongField = z.object({
  field: z.string().meta({ description: "Dotted path of the field, the parameter or the header." }),
  value: z.unknown().optional().meta({ description: "The value as given, shortened." }),
  detail: z.string(),
  remedy: z.string().optional(),
});

/** Every answer that is not a success: RFC 9457, application/problem+json. */
export const Problem = z
  .object({
    success: z.literal(false),
    type: z.string().meta({ example: "/problems/SubdomainTaken" }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    request_id: z.string().meta({ description: "Stands in the server's log, with what happened." }),
    field: z.string().optional(),
    value: z.unknown().optional(),
    remedy: z.string().optional(),
    guide: z.string().optional().meta({ description: "Page and section of the documentation." }),
    errors: z.array(WrongField).optional().meta({ description: "Every wrong field at once." }),
    operation_url: z.string().optional(),
  })
  .meta({ id: "Problem" });

export type Problem = z.infer<typeof Problem>;

interface ProblemExtras {
  field?: string;
  remedy?: string;
  guide?: string;
  errors?: z.infer<typeof WrongField>[];
  operation_url?: string;
}

/** A refusal that the API itself decides. `kind` is the last part of the problem's type. */
export class ApiError extends Error {
  readonly status: number;
  readonly kind: string;
  readonly title: string;
  readonly extras: ProblemExtras;
  /** How something ended that was asked for: it is answered the same however often it is asked under the same key. */
  readonly isOutcome: boolean;
  /** Sent with the answer: Retry-After, Allow, WWW-Authenticate. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    kind: string,
    title: string,
    detail: string,
    more: ProblemExtras & { headers?: Readonly<Record<string, string>>; cause?: unknown; isOutcome?: boolean } = {},
  ) {
    const { headers = {}, cause, isOutcome = false, ...extras } = more;
    super(detail, cause === undefined ? {} : { cause });
    this.name = "ApiError";
    this.status = status;
    this.kind = kind;
    this.title = title;
    this.extras = extras;
    this.isOutcome = isOutcome;
    this.headers = headers;
  }
}

/** The status of a domain error; any other FieldError is 422. */
const STATUS: ReadonlyMap<string, readonly [status: number, title: string]> = new Map([
  [UnknownTenant.name, [404, "Not found"]],
  [StaleGeneration.name, [412, "Changed meanwhile"]],
  [TenantIsDeleted.name, [409, "Deleted"]],
  [SubdomainTaken.name, [409, "Taken"]],
  [SubscriptionTaken.name, [409, "Taken"]],
  [SubscriptionHasTunnel.name, [409, "Taken"]],
  [HostnameTaken.name, [409, "Taken"]],
  [UnknownTunnel.name, [404, "Not found"]],
  [TunnelIsDeleted.name, [409, "Deleted"]],
  [CustomDomainTaken.name, [409, "Taken"]],
  [NoRoom.name, [409, "No room"]],
]);

export interface Answer {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  /** The error's own text is for the log, not for the caller. */
  readonly unexpected: boolean;
}

/** What a caller is told about an error. An unknown one is a 500 without its text: the request id finds it in the log. */
export function toProblem(error: unknown, requestId: string): Answer {
  const answer = (
    status: number,
    kind: string,
    title: string,
    detail: string,
    extras: ProblemExtras & { value?: unknown } = {},
  ): Problem => ({
    success: false,
    type: `/problems/${kind}`,
    title,
    status,
    detail,
    request_id: requestId,
    ...extras,
  });
  const expected = (problem: Problem, headers: Readonly<Record<string, string>> = {}): Answer => ({
    problem,
    headers,
    unexpected: false,
  });

  if (error instanceof ApiError) {
    return expected(answer(error.status, error.kind, error.title, error.message, error.extras), error.headers);
  }
  if (error instanceof FieldError) {
    // A page's cursor is checked where it is read, and is part of the URL.
    const [status, title] =
      STATUS.get(error.name) ?? (error.field === "cursor" ? [400, "Invalid request"] : [422, "Invalid value"]);
    const { message: detail, field, remedy } = error;
    return expected(answer(status, error.name, title, detail, { field, value: shortened(error.value), remedy }));
  }
  if (error instanceof TenantFailure) {
    return expected(
      answer(409, "TenantFailure", "Not possible now", error.message, {
        remedy: REASONS[error.reason].remedy,
        guide: guideTo(error.reason),
      }),
    );
  }
  const refused = bodyRefusal(error);
  if (refused !== undefined) return expected(answer(...refused));
  if (isOutage(error)) {
    const detail = "The server's database does not answer. Nothing was changed; try again in a few seconds.";
    return {
      problem: answer(503, "Unavailable", "Unavailable", detail),
      headers: { "retry-after": "5" },
      unexpected: true,
    };
  }
  const detail = `Something went wrong here. The server's log tells what, under request id ${requestId}.`;
  return { problem: answer(500, "InternalError", "Internal error", detail), headers: {}, unexpected: true };
}

/** Values in answers are for recognising, not for carrying data. */
export function shortened(value: unknown): unknown {
  if (typeof value === "string") return value.length > 100 ? `${value.slice(0, 100)}…` : value;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "(list)" : "(object)";
  return value;
}

/** Refusals of Express's body parser carry `status` and `type`. */
function bodyRefusal(error: unknown): [status: number, kind: string, title: string, detail: string] | undefined {
  const type = (error as { type?: unknown } | null)?.type;
  switch (type) {
    case "entity.too.large":
      return [413, "BodyTooLarge", "Body too large", "The body may have at most 100 kB."];
    case "entity.parse.failed":
      return [400, "InvalidJson", "Invalid JSON", "The body is not valid JSON."];
    case "charset.unsupported":
    case "encoding.unsupported":
      return [415, "UnsupportedMediaType", "Unsupported media type", "Send the body as application/json in UTF-8."];
    case "request.aborted":
    case "request.size.invalid":
      return [400, "InvalidRequest", "Invalid request", "The body ended before it was complete."];
    default:
      return error instanceof URIError
        ? [400, "InvalidRequest", "Invalid request", "The path is not valid percent-encoding."]
        : undefined;
  }
}
