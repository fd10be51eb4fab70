import type { RequestHandler } from "express";

const REQUEST_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, Prefer, Last-Event-ID, X-Request-Id";
const RESPONSE_HEADERS =
  "Location, ETag, Link, Retry-After, Preference-Applied, Idempotency-Replayed, X-Request-Id, RateLimit";

/** Lets pages of the listed origins call the API. No cookies, no wildcard: another origin gets no header at all. */
export function cors(origins: readonly string[]): RequestHandler {
  return (req, res, next) => {
    if (origins.length > 0) res.vary("Origin");
    const { origin } = req.headers;
    const allowed = origin !== undefined && origins.includes(origin);
    if (allowed) res.set({ "access-control-allow-origin": origin, "access-control-expose-headers": RESPONSE_HEADERS });
    const preflight = req.method === "OPTIONS" && req.headers["access-control-request-method"] !== undefined;
    if (!preflight) return next();
    if (allowed) {
      res.set({
        "access-control-allow-methods": "GET, POST, PATCH, DELETE",
        "access-control-allow-headers": REQUEST_HEADERS,
        "access-control-max-age": "600",
      });
    }
    res.status(204).end();
  };
}
