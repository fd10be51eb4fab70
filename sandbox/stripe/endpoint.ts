import { createHash } from "node:crypto";
import type { Request, RequestHandler } from "express";
import type { z } from "zod";
import { fromZod, StripeError } from "./errors.ts";
import { expand } from "./expand.ts";
import { responseIsLost } from "./faults.ts";
import type { World } from "./world.ts";

/** How long an idempotency key is remembered: https://docs.stripe.com/api/idempotent_requests */
const KEY_KEPT_MS = 24 * 3_600_000;

/**
 * One call of the API: parameters from the query and the form, the work, then the answer, which is sent when all that
 * the work changed is on the disk. The work is synchronous, so no two requests ever see half of each other.
 */
export function endpoint<Schema extends z.ZodType>(
  world: World,
  schema: Schema,
  work: (input: z.infer<Schema>, params: Readonly<Record<string, string>>, req: Request) => object,
): RequestHandler {
  return async (req, res) => {
    const key = req.method === "POST" ? req.get("idempotency-key") : undefined;
    const { expand: paths, ...given } = { ...req.query, ...(req.body as Record<string, unknown> | undefined) };
    const fingerprint = createHash("sha256")
      .update(JSON.stringify([req.method, req.path, given, paths]))
      .digest("hex");
    let answer = key === undefined ? undefined : recall(world, key, fingerprint);
    if (answer === undefined) {
      const read = schema.safeParse(given);
      if (!read.success) throw fromZod(read.error);
      world.request = { id: String(res.getHeader("request-id")), idempotencyKey: key ?? null };
      try {
        answer = {
          fingerprint,
          at: world.now(),
          status: 200,
          body: expand(world, work(read.data, req.params as Record<string, string>, req), paths),
        };
      } catch (error) {
        if (!(error instanceof StripeError) || error.status !== 402) throw error;
        answer = { fingerprint, at: world.now(), status: 402, body: error.body };
      } finally {
        world.request = { id: null, idempotencyKey: null };
      }
      if (key !== undefined) world.put("answer", key, structuredClone(answer));
    } else {
      res.set("idempotent-replayed", "true");
    }
    await world.saved();
    if (responseIsLost(res)) req.socket.destroy();
    else res.status(answer.status).json(answer.body);
  };
}

function recall(world: World, key: string, fingerprint: string): ReturnType<typeof world.find<"answer">> {
  const kept = world.find("answer", key);
  if (kept === undefined || kept.at < world.now() - KEY_KEPT_MS) return undefined;
  if (kept.fingerprint === fingerprint) return kept;
  throw new StripeError(400, {
    type: "idempotency_error",
    message: `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
  });
}
