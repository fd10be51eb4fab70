import { Router } from "express";
import { z } from "zod";
import type { Account } from "../billing/account.ts";
import { changeSubscription } from "../billing/invoicing.ts";
import {
  cancelSubscription,
  createSubscription,
  pauseSubscription,
  resumeSubscription,
} from "../billing/subscriptions.ts";
import { endpoint } from "../endpoint.ts";
import { invalidRequest } from "../errors.ts";
import { planOf } from "../objects/price.ts";
import { itemOf, withItem } from "../objects/subscription.ts";
import { Flag, Int, Listing, listOf, mergeMetadata, Metadata, Nothing, orEmpty, page } from "../parameters.ts";
import type { Subscription } from "../wire.ts";

const TrialEnd = z.union([z.literal("now"), Int]);

const CreateBody = z.strictObject({
  customer: z.string(),
  items: listOf(z.strictObject({ price: z.string(), quantity: Int.min(0).optional() })),
  metadata: Metadata.optional(),
  trial_period_days: Int.min(1).max(730).optional(),
  trial_end: TrialEnd.optional(),
  trial_settings: z
    .strictObject({
      end_behavior: z.strictObject({ missing_payment_method: z.enum(["cancel", "create_invoice", "pause"]) }),
    })
    .optional(),
  default_payment_method: z.string().optional(),
  payment_behavior: z.enum(["allow_incomplete", "default_incomplete", "error_if_incomplete"]).optional(),
  collection_method: z.enum(["charge_automatically", "send_invoice"]).optional(),
  days_until_due: Int.min(0).optional(),
  cancel_at_period_end: Flag.optional(),
});

const UpdateBody = z.strictObject({
  metadata: Metadata.optional(),
  items: listOf(
    z.strictObject({ id: z.string().optional(), price: z.string().optional(), quantity: Int.min(0).optional() }),
  ).optional(),
  cancel_at_period_end: Flag.optional(),
  cancel_at: orEmpty(Int).optional(),
  pause_collection: orEmpty(
    z.strictObject({ behavior: z.enum(["keep_as_draft", "mark_uncollectible", "void"]), resumes_at: Int.optional() }),
  ).optional(),
  default_payment_method: z.string().optional(),
  /** Taken and without effect: the emulator makes no prorations. */
  proration_behavior: z.enum(["always_invoice", "create_prorations", "none"]).optional(),
});

const CancelBody = z.strictObject({
  cancellation_details: z.strictObject({ comment: z.string().optional() }).optional(),
  invoice_now: Flag.optional(),
  prorate: Flag.optional(),
});

const ListQuery = Listing.extend({
  customer: z.string().optional(),
  price: z.string().optional(),
  status: z
    .enum([
      "active",
      "all",
      "canceled",
      "ended",
      "incomplete",
      "incomplete_expired",
      "past_due",
      "paused",
      "trialing",
      "unpaid",
    ])
    .optional(),
});

/** https://docs.stripe.com/api/subscriptions */
export function subscriptionRoutes(account: Account): Router {
  const { world } = account;
  return Router()
    .post(
      "/subscriptions",
      endpoint(world, CreateBody, (body) => {
        const [item, ...more] = body.items;
        if (item === undefined || more.length > 0)
          throw invalidRequest("The sandbox's subscriptions have exactly one item.", { param: "items" });
        world.get("customer", body.customer, "customer");
        const trialEnd =
          body.trial_period_days === undefined ? body.trial_end : world.seconds() + body.trial_period_days * 86_400;
        return createSubscription(account, {
          customer: body.customer,
          price: world.get("price", item.price, "items[0][price]"),
          quantity: item.quantity,
          metadata: mergeMetadata({}, body.metadata),
          trialEnd: trialEnd === "now" ? undefined : trialEnd,
          whenTrialEndsUnpayable: body.trial_settings?.end_behavior.missing_payment_method,
          paymentMethod: body.default_payment_method,
          paymentBehavior: body.payment_behavior,
          collectionMethod: body.collection_method,
          daysUntilDue: body.days_until_due,
          cancelAtPeriodEnd: body.cancel_at_period_end,
        });
      }),
    )
    .get(
      "/subscriptions",
      endpoint(world, ListQuery, (query) =>
        page(world.list("subscription").filter(matches(query)), query, "/v1/subscriptions", "subscription"),
      ),
    )
    .get(
      "/subscriptions/:id",
      endpoint(world, Nothing, (_query, { id = "" }) => world.get("subscription", id)),
    )
    .post(
      "/subscriptions/:id",
      endpoint(world, UpdateBody, (body, { id = "" }) =>
        changeSubscription(account, id, changeOf(account, world.get("subscription", id), body)),
      ),
    )
    .delete(
      "/subscriptions/:id",
      endpoint(world, CancelBody, (body, { id = "" }) =>
        cancelSubscription(account, id, "cancellation_requested", body.cancellation_details?.comment),
      ),
    )
    .post(
      "/subscriptions/:id/pause",
      endpoint(world, z.strictObject({ type: z.literal("subscription").optional() }), (_body, { id = "" }) =>
        pauseSubscription(account, id),
      ),
    )
    .post(
      "/subscriptions/:id/resume",
      endpoint(
        world,
        z.strictObject({ billing_cycle_anchor: z.enum(["now", "unchanged"]).optional() }),
        (_body, { id = "" }) => resumeSubscription(account, id),
      ),
    );
}

/** Without a status, all but the canceled ones. */
function matches(query: z.infer<typeof ListQuery>): (subscription: Subscription) => boolean {
  return ({ customer, status, items }) => {
    if (query.customer !== undefined && customer !== query.customer) return false;
    if (query.price !== undefined && !items.data.some((item) => item.price.id === query.price)) return false;
    if (query.status === undefined) return status !== "canceled";
    if (query.status === "ended") return status === "canceled" || status === "incomplete_expired";
    return query.status === "all" || status === query.status;
  };
}

function changeOf({ world }: Account, before: Subscription, body: z.infer<typeof UpdateBody>): Partial<Subscription> {
  if (before.status === "canceled" || before.status === "incomplete_expired") {
    if (Object.keys(body).some((key) => key !== "metadata"))
      throw invalidRequest(`A ${before.status} subscription can only have its metadata updated.`);
  }
  const change: Partial<Subscription> = { metadata: mergeMetadata(before.metadata, body.metadata) };
  const [item, ...more] = body.items ?? [];
  if (item !== undefined) {
    if (more.length > 0 || (item.id ?? itemOf(before).id) !== itemOf(before).id)
      throw invalidRequest("The sandbox's subscriptions have exactly one item.", { param: "items" });
    const price = item.price === undefined ? itemOf(before).price : world.get("price", item.price, "items[0][price]");
    change.items = withItem(before, {
      price,
      plan: planOf(price),
      quantity: item.quantity ?? itemOf(before).quantity ?? 1,
    });
  }
  if (body.cancel_at_period_end !== undefined) {
    change.cancel_at_period_end = body.cancel_at_period_end;
    change.cancel_at = body.cancel_at_period_end ? itemOf(before).current_period_end : null;
    change.canceled_at = body.cancel_at_period_end ? world.seconds() : null;
  }
  if (body.cancel_at !== undefined) {
    change.cancel_at = body.cancel_at === "" ? null : body.cancel_at;
    change.canceled_at = body.cancel_at === "" ? null : world.seconds();
  }
  if (body.pause_collection !== undefined) {
    change.pause_collection =
      body.pause_collection === ""
        ? null
        : { behavior: body.pause_collection.behavior, resumes_at: body.pause_collection.resumes_at ?? null };
  }
  if (body.default_payment_method !== undefined) change.default_payment_method = body.default_payment_method;
  return change;
}
