import { setTimeout } from "node:timers/promises";
import { raw, Router } from "express";
import { Stripe } from "stripe";
import { ApiError } from "../api/problem.ts";
import { addLogFields } from "../telemetry/log-fields.ts";
import type { StripeDeps } from "./deps.ts";
import { StripeEvent, subjectOf } from "./event.ts";
import { storeEvent } from "./inbox.ts";
import type { StripeSettings } from "./settings.ts";

export interface WebhookDeps extends Pick<StripeDeps, "database" | "queue"> {
  readonly settings: Pick<StripeSettings, "webhookSecrets" | "livemode">;
}

/** Signatures older than this are refused, so that a recorded request cannot be played again later. */
const TOLERANCE_SECONDS = 300;
/** Far above any event of Stripe's; a larger body is answered with 413. */
const LARGEST_BODY = "1mb";
/** A database that does not answer by then is down as far as Stripe is concerned, which tries again for three days. */
const DATABASE_PATIENCE_MS = 5_000;

/**
 * POST /webhook/stripe. Verifies the signature over the body as it came, stores and queues the event in one
 * transaction, and answers; what the event means is worked out later (handle-event.ts). Must be mounted before anything
 * that parses bodies. 400: the signature or the body is wrong, and nothing is stored. 503: the database is down.
 */
export function webhookRoute(deps: WebhookDeps): Router {
  const router = Router();
  router.post("/webhook/stripe", raw({ type: () => true, limit: LARGEST_BODY }), async (req, res) => {
    const body: unknown = req.body;
    if (!Buffer.isBuffer(body) || body.length === 0) throw refused("InvalidEvent", "The request has no body.");
    verify(body, req.get("stripe-signature"), deps.settings.webhookSecrets);
    const event = parse(body);
    addLogFields({ eventId: event.id });
    await within(DATABASE_PATIENCE_MS, receive(event, body.toString("utf8"), deps)).catch((error: unknown) => {
      throw new ApiError(503, "Unavailable", "Unavailable", "The event could not be stored; it is welcome again.", {
        headers: { "retry-after": "5" },
        cause: error,
      });
    });
    res.json({ received: true });
  });
  router.all("/webhook/stripe", ({ method }) => {
    throw new ApiError(405, "MethodNotAllowed", "Method not allowed", `${method} is not possible here.`, {
      remedy: "This is where Stripe sends its events, by POST.",
      headers: { allow: "POST" },
    });
  });
  return router;
}

async function receive(event: StripeEvent, body: string, { database, queue, settings }: WebhookDeps): Promise<void> {
  const subject = subjectOf(event, settings.livemode);
  await database.transaction(async (tx) => {
    const isNew = await storeEvent(tx, event, body, subject);
    if (isNew && subject.kind === "subscription") await queue.enqueueStripeEvent(tx, event.id);
  });
}

/** While a secret is rotated, Stripe signs with the old and the new one, and so may either be known here. */
function verify(body: Buffer, header: string | undefined, secrets: readonly string[]): void {
  if (header === undefined) throw refused("InvalidSignature", "The header Stripe-Signature is missing.");
  const signature = Stripe.webhooks.signature;
  let last: unknown;
  for (const secret of secrets) {
    try {
      if (signature?.verifyHeader(body, header, secret, TOLERANCE_SECONDS) === true) return;
    } catch (error) {
      last = error;
    }
  }
  const old = last instanceof Error && /timestamp outside/i.test(last.message);
  throw refused(
    "InvalidSignature",
    old
      ? "The signature is older than five minutes."
      : "The signature does not fit the body and the secret of this endpoint.",
    last,
  );
}

function parse(body: Buffer): StripeEvent {
  let json: unknown;
  try {
    json = JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw refused("InvalidEvent", "The body is not JSON.", error);
  }
  if ((json as { object?: unknown } | null)?.object === "v2.core.event") {
    throw refused(
      "InvalidEvent",
      'This endpoint takes snapshot events; create its destination in Stripe with the payload style "snapshot", not "thin".',
    );
  }
  const event = StripeEvent.safeParse(json);
  if (!event.success)
    throw refused(
      "InvalidEvent",
      `The body is not an event of Stripe's: ${event.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`).join("; ")}`,
    );
  return event.data;
}

function refused(kind: "InvalidSignature" | "InvalidEvent", detail: string, cause?: unknown): ApiError {
  return new ApiError(
    400,
    kind,
    kind === "InvalidSignature" ? "Invalid signature" : "Invalid event",
    detail,
    cause === undefined ? {} : { cause },
  );
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const done = new AbortController();
  work.catch(() => {}); // when it fails after its time
  try {
    return await Promise.race([
      work,
      setTimeout(ms, undefined, { signal: done.signal, ref: false }).then(() =>
        Promise.reject(new Error(`no answer within ${ms} ms`)),
      ),
    ]);
  } finally {
    done.abort();
  }
}
