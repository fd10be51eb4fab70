import { setTimeout } from "node:timers/promises";
import type { RequestHandler, Response } from "express";
import { z } from "zod";
import { StripeError } from "./errors.ts";

/** A fault of the API, for as many requests as `times` says. */
export const Fault = z.strictObject({
  method: z.enum(["GET", "POST", "DELETE"]).optional(),
  /** Beginning of the path. Default: every path. */
  path: z.string().startsWith("/").default("/"),
  /** `status`: that error instead of an answer; `latency`: an answer after `ms`; `drop`: the connection ends before
   * anything is done; `lost-response`: it ends when all is done and saved. */
  kind: z.enum(["status", "latency", "drop", "lost-response"]),
  status: z.number().int().min(400).max(599).default(500),
  ms: z.number().int().min(0).max(600_000).default(1000),
  times: z.number().int().min(1).default(1),
});

export type Fault = z.infer<typeof Fault>;

/** Faults that are switched on; a restart switches them off. */
export class Faults {
  #active: Fault[] = [];

  add(fault: Fault): void {
    this.#active.push({ ...fault });
  }

  clear(): void {
    this.#active = [];
  }

  list(): readonly Fault[] {
    return this.#active;
  }

  /** Before the request is handled. */
  handler(): RequestHandler {
    return async (req, res, next) => {
      const fault = this.#take(req.method, req.path);
      if (fault === undefined) return next();
      switch (fault.kind) {
        case "status":
          throw failure(fault.status);
        case "latency":
          await setTimeout(fault.ms);
          return next();
        case "drop":
          req.socket.destroy();
          return;
        case "lost-response":
          res.locals["responseIsLost"] = true;
          return next();
        default:
          throw new Error(`unknown fault ${String(fault.kind satisfies never)}`);
      }
    };
  }

  #take(method: string, path: string): Fault | undefined {
    const fault = this.#active.find((one) => (one.method ?? method) === method && path.startsWith(one.path));
    if (fault === undefined) return undefined;
    fault.times -= 1;
    this.#active = this.#active.filter((one) => one.times > 0);
    return fault;
  }
}

export function responseIsLost(res: Response): boolean {
  return res.locals["responseIsLost"] === true;
}

function failure(status: number): StripeError {
  if (status === 429)
    return new StripeError(429, {
      type: "invalid_request_error",
      code: "rate_limit",
      message: "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
    });
  return new StripeError(status, {
    type: "api_error",
    message: "Sorry! There was an error while talking to one of our backends.",
  });
}
