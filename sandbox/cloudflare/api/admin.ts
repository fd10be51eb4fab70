import { Router } from "express";
import { z } from "zod";
import { CloudflareConfig } from "../config.ts";
import { answer } from "./envelope.ts";
import type { CallCounts } from "./calls.ts";
import { FaultRule, type Faults } from "./faults.ts";
import type { RateLimiter } from "./rate-limit.ts";

export interface Doors {
  faults: Faults;
  calls: CallCounts;
  limiter: RateLimiter;
  /** Those that are accepted now. */
  tokens: CloudflareConfig["tokens"];
  now: () => number;
}

const Limit = z.strictObject({ requests: z.int().min(1), windowSeconds: z.number().positive() });
const Revoked = z.strictObject({ token: z.string() });
const Block = z.strictObject({ seconds: z.number().positive() });

/**
 * Doors for tests and demonstrations that the real API does not have; they need no token, so only this machine may
 * use them, and not through a browser that was led here by another site.
 */
export function adminRoutes({ faults, calls, limiter, tokens, now }: Doors): Router {
  const router = Router();
  router.use("/__{*door}", (req, res, next) => {
    const local = /^(127\.|::1$|::ffff:127\.)/.test(req.socket.remoteAddress ?? "");
    const byName = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(req.get("host") ?? "");
    if (local && byName && req.get("origin") === undefined) return next();
    res.sendStatus(403);
  });
  router.get("/__faults", (_req, res) => answer(res, faults.all()));
  router.post("/__faults", (req, res) => answer(res, { id: faults.add(FaultRule.parse(req.body)) }));
  router.delete("/__faults{/:id}", (req, res) => {
    const { id } = req.params as { id?: string };
    faults.remove(id === undefined ? undefined : Number(id));
    answer(res, null);
  });
  router.get("/__calls", (_req, res) => answer(res, calls.all()));
  router.delete("/__calls", (_req, res) => {
    calls.reset();
    answer(res, null);
  });
  router.get("/__limit", (_req, res) => answer(res, { ...limiter.rule, refused: limiter.refused }));
  router.put("/__limit", (req, res) => {
    limiter.rule = Limit.parse(req.body);
    answer(res, null);
  });
  router.post("/__limit/block", (req, res) => {
    limiter.blockAll(Block.parse(req.body).seconds, now());
    answer(res, null);
  });
  // As people do in the dashboard: a new token beside the present ones, and its end.
  router.post("/__tokens", (req, res) => {
    tokens.push(CloudflareConfig.shape.tokens.element.parse(req.body));
    answer(res, null);
  });
  router.post("/__tokens/revoke", (req, res) => {
    const { token } = Revoked.parse(req.body);
    tokens.splice(0, Infinity, ...tokens.filter((known) => known.token !== token));
    answer(res, null);
  });
  return router;
}
