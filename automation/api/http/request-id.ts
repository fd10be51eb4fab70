import { randomUUID } from "node:crypto";
import type { RequestHandler, Response } from "express";

const HEADER = "x-request-id";

/** Takes the caller's id when it is harmless in a log line, else makes one; every answer carries it. */
export const assignRequestId: RequestHandler = (req, res, next) => {
  const given = req.get(HEADER);
  const id = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
  res.locals["requestId"] = id;
  res.set(HEADER, id);
  next();
};

export function requestIdOf(res: Response): string {
  return String(res.locals["requestId"] ?? "none");
}
