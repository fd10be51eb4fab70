import type { Request } from "express";
import type { z } from "zod";
import { ApiError, shortened } from "../problem.ts";
import type { Endpoint } from "./endpoint.ts";

/** Checks path, query and body together, so that every wrong field is reported at once. Throws 400, 415 or 422. */
export function validate(endpoint: Endpoint, req: Request): { params: unknown; query: unknown; body: unknown } {
  if (endpoint.body !== undefined && req.body === undefined && hasBody(req)) {
    throw new ApiError(415, "UnsupportedMediaType", "Unsupported media type", "Send the body as application/json.", {
      field: "Content-Type",
    });
  }
  const params = endpoint.params?.safeParse(req.params);
  const query = endpoint.query?.safeParse(req.query);
  const body = endpoint.body?.safeParse(req.body ?? {});
  if (params?.success === false || query?.success === false)
    throw invalid(400, [...problems(params, req.params), ...problems(query, req.query)]);
  if (body?.success === false) throw invalid(422, problems(body, req.body));
  return { params: params?.data, query: query?.data, body: body?.data };
}

type Wrong = { field: string; value?: unknown; detail: string };

function problems(result: z.ZodSafeParseResult<unknown> | undefined, given: unknown): Wrong[] {
  if (result === undefined || result.success) return [];
  return result.error.issues.flatMap((issue): Wrong[] => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({ field: [...issue.path, key].join("."), detail: "there is no such field" }));
    }
    const value = at(given, issue.path);
    return [
      {
        field: issue.path.join(".") || "body",
        ...(value === undefined ? {} : { value: shortened(value) }),
        detail: messageOf(issue),
      },
    ];
  });
}

function messageOf(issue: z.core.$ZodIssue): string {
  const missing = issue.code === "invalid_type" && issue.message.includes("received undefined");
  return missing ? "is required" : issue.message;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}

function invalid(status: 400 | 422, errors: Wrong[]): ApiError {
  const title = status === 400 ? "Invalid request" : "Invalid value";
  const detail = errors.map((error) => `${error.field}: ${error.detail}`).join("; ");
  return new ApiError(status, status === 400 ? "InvalidRequest" : "InvalidValue", title, detail, {
    ...(errors[0] === undefined ? {} : { field: errors[0].field }),
    errors,
    remedy: "Correct the named fields and send the request again; /docs has the rules of each.",
  });
}

function hasBody(req: Request): boolean {
  return req.headers["transfer-encoding"] !== undefined || Number(req.headers["content-length"] ?? 0) > 0;
}
