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
  const wrong = [
    ...problems(params, req.params),
    ...(query === undefined && req.path.startsWith("/api/") ? unknownFields(req.query) : problems(query, req.query)),
  ];
  if (wrong.length > 0) throw invalid(400, wrong);
  const wrongBody = problems(body, req.body);
  if (wrongBody.length > 0) throw invalid(422, wrongBody);
  return { params: params?.data, query: query?.data, body: body?.data };
}

type Wrong = { field: string; value?: unknown; detail: string };

function problems(result: z.ZodSafeParseResult<unknown> | undefined, given: unknown): Wrong[] {
  if (result === undefined) return [];
  if (result.success) return unstorable(result.data);
  return result.error.issues.flatMap((issue): Wrong[] => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({ field: [...issue.path, key].join("."), detail: "there is no such field" }));
    }
    const { path, value } = located(given, issue.path);
    return [
      {
        field: path.join(".") || "body",
        ...(value === undefined ? {} : { value: shortened(value) }),
        detail: messageOf(issue),
      },
    ];
  });
}

/** A route that takes no parameters: one that is misspelt, or of another route, is not passed over in silence. */
function unknownFields(given: object): Wrong[] {
  return Object.keys(given).map((field) => ({ field, detail: "there is no such field" }));
}

/** What PostgreSQL refuses to hold or to compare with: U+0000, and half of a surrogate pair. */
function unstorable(value: unknown, path: readonly string[] = []): Wrong[] {
  if (typeof value === "string") {
    if (value.isWellFormed() && !value.includes("\0")) return [];
    return [{ field: path.join(".") || "body", detail: "must be text without U+0000 and unpaired surrogates" }];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => unstorable(inner, [...path, key]));
}

function messageOf(issue: z.core.$ZodIssue): string {
  const missing = issue.code === "invalid_type" && issue.message.includes("received undefined");
  return missing ? "is required" : issue.message;
}

/** Where the caller wrote what is wrong: a list in a query is one text, whose items have no place of their own. */
function located(given: unknown, path: readonly PropertyKey[]): { path: readonly PropertyKey[]; value: unknown } {
  let value = given;
  for (const [depth, key] of path.entries()) {
    if (typeof value === "string") return { path: path.slice(0, depth), value };
    value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  }
  return { path, value };
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
