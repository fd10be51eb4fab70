import type { RequestHandler } from "express";
import { ApiError } from "../world/api-error.ts";
import { principalOf } from "./authentication.ts";

export interface Rule {
  requests: number;
  windowSeconds: number;
}

interface Window {
  startedAt: number;
  requests: number;
  blockedUntil: number;
}

export interface Verdict {
  allowed: boolean;
  /** Requests left in this window. */
  remaining: number;
  /** Until the window or the block ends. */
  resetSeconds: number;
}

/**
 * So many requests per window and caller; one more blocks all of the caller's for as long as a window, whatever comes
 * meanwhile: https://developers.cloudflare.com/fundamentals/api/reference/limits/
 */
export class RateLimiter {
  #rule: Rule;
  readonly #windows = new Map<string, Window>();

  /** Requests that were refused. */
  refused = 0;

  constructor(rule: Rule) {
    this.#rule = rule;
  }

  get rule(): Rule {
    return this.#rule;
  }

  /** Begins anew with another rule. */
  set rule(rule: Rule) {
    this.#rule = rule;
    this.refused = 0;
    this.#windows.clear();
  }

  /** As if each caller had just passed the limit. A caller that is new meanwhile is not blocked. */
  blockAll(seconds: number, now: number): void {
    for (const window of this.#windows.values()) window.blockedUntil = now + seconds * 1_000;
  }

  /** @param now milliseconds since 1970 */
  count(caller: string, now: number): Verdict {
    const length = this.#rule.windowSeconds * 1_000;
    let window = this.#windows.get(caller);
    if (window && now < window.blockedUntil) return this.#refuse(window.blockedUntil - now);
    if (!window || window.blockedUntil > 0 || now >= window.startedAt + length) {
      window = { startedAt: now, requests: 0, blockedUntil: 0 };
      this.#windows.set(caller, window);
    }
    window.requests += 1;
    if (window.requests <= this.#rule.requests)
      return verdict(true, this.#rule.requests - window.requests, window.startedAt + length - now);
    window.blockedUntil = now + length;
    return this.#refuse(length);
  }

  #refuse(resetMs: number): Verdict {
    this.refused += 1;
    return verdict(false, 0, resetMs);
  }
}

function verdict(allowed: boolean, remaining: number, resetMs: number): Verdict {
  return { allowed, remaining, resetSeconds: Math.ceil(resetMs / 1_000) };
}

/** Sends the headers with every answer, and 429 with Retry-After when the limit is passed. */
export function limitRate(limiter: RateLimiter, now: () => number): RequestHandler {
  return (req, res, next) => {
    const { rule } = limiter;
    const { allowed, remaining, resetSeconds } = limiter.count(principalOf(req).id, now());
    res.set("Ratelimit", `"default";r=${remaining};t=${resetSeconds}`);
    res.set("Ratelimit-Policy", `"default";q=${rule.requests};w=${rule.windowSeconds}`);
    if (allowed) return next();
    throw new ApiError(
      429,
      10_429,
      `More than ${rule.requests} requests per ${rule.windowSeconds} seconds reached. Please wait and consider throttling your request speed`,
      { "retry-after": String(resetSeconds) },
    );
  };
}
