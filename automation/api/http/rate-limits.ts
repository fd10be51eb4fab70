import type { ErrorRequestHandler, Request, RequestHandler, Response } from "express";
import { ipKeyGenerator, MemoryStore, type Options, rateLimit } from "express-rate-limit";
import type { Caller } from "../auth/caller.ts";
import { ApiError, toProblem } from "../problem.ts";
import { requestIdOf } from "./request-id.ts";

export interface RateLimits {
  /** All requests, by identity where there is one, else by address. */
  readonly requests: Limit;
  /** Refused tokens, by address: a guesser is slowed down, a caller with a good token from the same address is not. */
  readonly failedSignIns: Limit;
  /** Webhook deliveries that were refused, by address. */
  readonly webhookFailures: ErrorRequestHandler;
}

/** Counts this request; throws 429 when there were too many. */
export type Limit = (req: Request, res: Response) => Promise<void>;

const MINUTE = 60_000;
const WEBHOOK_FAILURES = 60;

/** Counted per process: behind a balancer, n processes let through up to n times as much. */
export function rateLimits(settings: { readonly ratePerMinute: number; readonly failedSignIns: number }): RateLimits {
  return {
    requests: asLimit(limiter("requests", MINUTE, settings.ratePerMinute)),
    failedSignIns: asLimit(limiter("sign-ins", 15 * MINUTE, settings.failedSignIns)),
    webhookFailures: failuresOnly(MINUTE, WEBHOOK_FAILURES),
  };
}

function limiter(name: string, windowMs: number, limit: number): RequestHandler {
  return rateLimit({
    windowMs,
    limit,
    identifier: name,
    standardHeaders: "draft-8",
    legacyHeaders: false,
    keyGenerator: (req, res) => {
      const caller = res.locals["caller"] as Caller | undefined;
      return caller === undefined ? addressOf(req) : `identity:${caller.subject}`;
    },
    handler: (_req, res, next) =>
      next(tooMany(limit, windowMs, Number(res.getHeader("retry-after") ?? windowMs / 1_000))),
  });
}

/**
 * Refuses only what has failed anyway: a delivery that is signed well is taken, whatever else comes from its address.
 * Behind a proxy that is not declared, all deliveries come from one.
 */
function failuresOnly(windowMs: number, limit: number): ErrorRequestHandler {
  const failures = new MemoryStore();
  failures.init({ windowMs } as Options);
  return async (error: unknown, req, res, next) => {
    const { status } = toProblem(error, requestIdOf(res)).problem;
    if (status >= 500) return next(error); // our own failures are not Stripe's
    const { totalHits, resetTime } = await failures.increment(addressOf(req));
    if (totalHits <= limit) return next(error);
    const left = resetTime === undefined ? windowMs : resetTime.getTime() - Date.now();
    next(tooMany(limit, windowMs, Math.max(1, Math.ceil(left / 1_000))));
  };
}

function addressOf(req: Request): string {
  return `address:${ipKeyGenerator(req.ip ?? "")}`;
}

function tooMany(limit: number, windowMs: number, seconds: number): ApiError {
  const detail = `More than ${limit} in ${windowMs / MINUTE} min. Try again in ${seconds} s.`;
  return new ApiError(429, "TooManyRequests", "Too many requests", detail, {
    remedy: "Ask less often; live views stream their news (Accept: text/event-stream).",
    headers: { "retry-after": String(seconds) },
  });
}

function asLimit(handler: RequestHandler): Limit {
  return (req, res) =>
    new Promise((resolve, reject) => {
      const next = (error?: unknown): void => {
        if (error === undefined) resolve();
        else
          reject(error instanceof Error ? error : new Error("the rate limit could not be checked", { cause: error }));
      };
      Promise.resolve(handler(req, res, next)).catch(reject);
    });
}
