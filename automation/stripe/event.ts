import { z } from "zod";

/** Types whose news may change a tenant. */
export const HANDLED_TYPES = [
  "checkout.session.completed",
  "checkout.session.async_payment_succeeded",
  "checkout.session.async_payment_failed",
  "customer.subscription.created",
  "customer.subscription.updated",
  "customer.subscription.deleted",
  "customer.subscription.paused",
  "customer.subscription.resumed",
  "invoice.paid",
  "invoice.payment_failed",
] as const;

const Reference = z.union([z.string(), z.object({ id: z.string() }).transform(({ id }) => id)]).nullish();

/** The envelope of an event, and the only fields of its object that are read: the rest is fetched from Stripe anew. */
export const StripeEvent = z.object({
  id: z.string().regex(/^evt_\w+$/, "must be an event's id"),
  object: z.literal("event"),
  type: z.string().min(1),
  api_version: z.string().nullish(),
  livemode: z.boolean(),
  created: z.number().int(),
  /** Of a connected account; this server has none. */
  account: z.string().nullish(),
  data: z.object({
    object: z.looseObject({
      id: z.string().optional(),
      object: z.string().optional(),
      subscription: Reference,
      parent: z.looseObject({ subscription_details: z.looseObject({ subscription: Reference }).nullish() }).nullish(),
    }),
  }),
});

export type StripeEvent = z.infer<typeof StripeEvent>;

export type Subject =
  | { readonly kind: "subscription"; readonly id: string }
  | { readonly kind: "none"; readonly because: string };

/**
 * Which subscription an event is about. Only ids are taken from it, and those stand at the same places in every API
 * version (an invoice's under `parent` since 2025-03-31, at the top before), so events of all versions are understood.
 */
export function subjectOf(event: StripeEvent, livemode: boolean): Subject {
  const { type, data } = event;
  if (!(HANDLED_TYPES as readonly string[]).includes(type))
    return { kind: "none", because: `events of the type ${type} are not needed` };
  if (event.account != null) return { kind: "none", because: `it is of the connected account ${event.account}` };
  if (event.livemode !== livemode) {
    return {
      kind: "none",
      because: `it is of ${event.livemode ? "live" : "test"} mode, the server's key of ${livemode ? "live" : "test"} mode`,
    };
  }
  const { object } = data;
  const id = type.startsWith("customer.subscription.")
    ? object.id
    : (object.parent?.subscription_details?.subscription ?? object.subscription);
  if (id === undefined || id === null)
    return { kind: "none", because: `its ${object.object ?? "object"} has no subscription` };
  return { kind: "subscription", id };
}
