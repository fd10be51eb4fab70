import type { ErrorRequestHandler, Response } from "express";
import { z } from "zod";
import { ApiError, NotEmulated } from "../world/api-error.ts";

/** The envelope of every answer: https://developers.cloudflare.com/fundamentals/api/how-to/make-api-calls/ */
export function answer(res: Response, result: unknown, messages: { code: number; message: string }[] = []): void {
  res.json({ success: true, errors: [], messages, result });
}

export interface Page {
  page?: number | undefined;
  per_page?: number | undefined;
}

/** One page of a list. A page behind the last is empty: the official clients stop there. */
export function answerPage<T>(res: Response, items: readonly T[], asked: Page, perPageByDefault: number): void {
  const page = asked.page ?? 1;
  const perPage = asked.per_page ?? perPageByDefault;
  const result = items.slice((page - 1) * perPage, page * perPage);
  const info = {
    page,
    per_page: perPage,
    count: result.length,
    total_count: items.length,
    total_pages: Math.ceil(items.length / perPage),
  };
  res.json({ success: true, errors: [], messages: [], result, result_info: info });
}

/** Query parameters of a list, beside its filters. */
export function pageQuery(perPageAtMost: number) {
  return {
    page: z.coerce.number().int().min(1).optional(),
    per_page: z.coerce.number().int().min(1).max(perPageAtMost).optional(),
  };
}

/** Reads query parameters; one that is not emulated is refused by name. */
export function readQuery<S extends z.ZodType>(schema: S, query: unknown): z.infer<S> {
  const read = schema.safeParse(query);
  if (read.success) return read.data;
  for (const issue of read.error.issues)
    if (issue.code === "unrecognized_keys") throw new NotEmulated(`query parameter ${issue.keys.join(", ")}`);
  throw new ApiError(400, 1001, `Invalid query: ${described(read.error)}`);
}

function described(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`).join("; ");
}

/** Turns what routes throw into the API's failures. */
export const answerFailure: ErrorRequestHandler = (error: unknown, req, res, next) => {
  if (res.headersSent) return next(error);
  const fail = (status: number, code: number, message: string) =>
    res.status(status).json({ success: false, errors: [{ code, message }], messages: [], result: null });
  if (error instanceof ApiError) {
    res.set(error.headers);
    return fail(error.status, error.code, error.message);
  }
  if (error instanceof NotEmulated) return fail(501, 501, `${req.method} ${req.path}: ${error.message}`);
  if (error instanceof z.ZodError) return fail(400, 9207, `Request body is invalid: ${described(error)}`);
  if ((error as { type?: string }).type === "entity.parse.failed")
    return fail(400, 6007, "Malformed JSON in request body");
  console.error(error);
  return fail(500, 10_500, `the emulator failed: ${String(error)}`);
};
