import { setTimeout } from "node:timers/promises";
import type { Request, RequestHandler } from "express";
import { z } from "zod";
import type { CloudflareWorld } from "../world/world.ts";

/** What goes wrong. */
const Effect = z.discriminatedUnion("kind", [
  /** The answer comes late. */
  z.strictObject({ kind: z.literal("latency"), ms: z.number().int().min(1).max(600_000) }),
  /** Refused before it is handled. */
  z.strictObject({
    kind: z.literal("status"),
    /** 403 is what a token without the permission gets, with its code 10000. */
    status: z.union([z.literal(403), z.literal(429), z.literal(500), z.literal(502), z.literal(503), z.literal(504)]),
    retryAfterSeconds: z.number().min(0).optional(),
  }),
  /** The connection is closed before the request is handled. */
  z.strictObject({ kind: z.literal("drop") }),
  /** The request is handled, then the connection is closed instead of the answer. */
  z.strictObject({ kind: z.literal("lostResponse") }),
]);

/** A rule for requests that fit. Rules are looked at in the order they were set; the first that fits acts. */
export const FaultRule = z.strictObject({
  method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).optional(),
  /** Path below /client/v4, where `*` stands for one segment and `**` for any number: `/accounts/*\/cfd_tunnel`. Default: all. */
  path: z.string().startsWith("/").default("/**"),
  /**
   * Text that the request must hold: in its path, query or body, or in the name of a tunnel or record that its path
   * names. Default: any request.
   */
  about: z.string().min(1).optional(),
  /** Requests that pass before the rule begins to act. */
  skip: z.number().int().min(0).default(0),
  /** Requests it acts on before it ends. Default: until it is removed. */
  times: z.number().int().min(1).optional(),
  effect: Effect,
});

export type FaultRule = z.infer<typeof FaultRule>;
type Effect = z.infer<typeof Effect>;

interface Active extends FaultRule {
  id: number;
  hits: number;
}

/** The faults in force. */
export class Faults {
  #rules: Active[] = [];
  #last = 0;

  /** Returns an id to remove it by. */
  add(rule: z.input<typeof FaultRule>): number {
    const id = ++this.#last;
    this.#rules.push({ ...FaultRule.parse(rule), id, hits: 0 });
    return id;
  }

  all(): readonly Active[] {
    return this.#rules;
  }

  /** One by its id, or all. */
  remove(id?: number): void {
    this.#rules = id === undefined ? [] : this.#rules.filter((rule) => rule.id !== id);
  }

  /** Counts a request and says what happens to it. */
  take(method: string, path: string, text: () => string = () => path): Effect | undefined {
    for (const rule of this.#rules) {
      if ((rule.method !== undefined && rule.method !== method) || !pattern(rule.path).test(path)) continue;
      if (rule.about !== undefined && !text().includes(rule.about)) continue;
      rule.hits += 1;
      if (rule.hits <= rule.skip) continue;
      if (rule.times !== undefined && rule.hits >= rule.skip + rule.times) this.remove(rule.id);
      return rule.effect;
    }
    return undefined;
  }
}

function pattern(glob: string): RegExp {
  const literal = glob.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll("**", "\0").replaceAll("*", "[^/]+").replaceAll("\0", ".*")}$`);
}

/** Lets the faults happen, before anything else looks at the request. */
export function sufferFaults(faults: Faults, world: CloudflareWorld): RequestHandler {
  return async (req, res, next) => {
    const effect = faults.take(req.method, req.path, () => textOf(req, world));
    switch (effect?.kind) {
      case undefined:
        break;
      case "latency":
        await setTimeout(effect.ms, undefined, { ref: false });
        break;
      case "drop":
        req.socket.destroy();
        return;
      case "status":
        if (effect.retryAfterSeconds !== undefined) res.set("retry-after", String(effect.retryAfterSeconds));
        res.status(effect.status).json({
          success: false,
          errors: [errorOf(effect.status)],
          messages: [],
          result: null,
        });
        return;
      case "lostResponse":
        res.end = () => {
          req.socket.destroy();
          return res;
        };
        break;
    }
    next();
  };
}

function textOf(req: Request, world: CloudflareWorld): string {
  const names = req.path.split("/").map((id) => world.tunnels.find(id)?.name ?? world.records.find(id)?.name ?? "");
  return [req.originalUrl, JSON.stringify(req.body ?? ""), ...names].join(" ");
}

function errorOf(status: number): { code: number; message: string } {
  if (status === 403) return { code: 10_000, message: "Authentication error" };
  return { code: status === 429 ? 10_429 : 10_500, message: "a fault that was asked for" };
}
