import { Router } from "express";
import { z } from "zod";
import type { Account } from "../billing/account.ts";
import { expireSession } from "../billing/time.ts";
import { endpoint } from "../endpoint.ts";
import { invalidRequest } from "../errors.ts";
import { newSession } from "../objects/checkout-session.ts";
import { Flag, Int, Listing, listOf, mergeMetadata, Metadata, Nothing, page } from "../parameters.ts";
import type { CheckoutSession } from "../wire.ts";

const Limits = { minimum_length: Int.optional(), maximum_length: Int.optional(), default_value: z.string().optional() };

const CustomField = z.strictObject({
  key: z.string().regex(/^[A-Za-z0-9]{1,200}$/, "must be letters and digits"),
  label: z.strictObject({ type: z.literal("custom"), custom: z.string() }),
  type: z.enum(["text", "numeric", "dropdown"]),
  optional: Flag.optional(),
  text: z.strictObject(Limits).optional(),
  numeric: z.strictObject(Limits).optional(),
  dropdown: z
    .strictObject({
      options: listOf(z.strictObject({ label: z.string(), value: z.string() })),
      default_value: z.string().optional(),
    })
    .optional(),
});

export const SessionBody = z.strictObject({
  mode: z.literal("subscription", { error: "the sandbox's sessions are in subscription mode" }),
  line_items: listOf(z.strictObject({ price: z.string(), quantity: Int.min(1).optional() })),
  success_url: z.string().optional(),
  cancel_url: z.string().optional(),
  customer: z.string().optional(),
  customer_email: z.string().optional(),
  client_reference_id: z.string().max(200).optional(),
  locale: z.string().optional(),
  metadata: Metadata.optional(),
  custom_fields: listOf(CustomField).optional(),
  subscription_data: z
    .strictObject({ metadata: Metadata.optional(), trial_period_days: Int.min(1).max(730).optional() })
    .optional(),
  expires_at: Int.optional(),
});

const ListQuery = Listing.extend({
  subscription: z.string().optional(),
  customer: z.string().optional(),
  status: z.enum(["open", "complete", "expired"]).optional(),
});

/** https://docs.stripe.com/api/checkout/sessions */
export function checkoutSessionRoutes(account: Account): Router {
  const { world } = account;
  return Router()
    .post(
      "/checkout/sessions",
      endpoint(world, SessionBody, (body) => openSession(account, body)),
    )
    .get(
      "/checkout/sessions",
      endpoint(world, ListQuery, (query) =>
        page(
          world
            .list("checkout.session")
            .filter(
              (session) =>
                (query.subscription === undefined || session.subscription === query.subscription) &&
                (query.customer === undefined || session.customer === query.customer) &&
                (query.status === undefined || session.status === query.status),
            ),
          query,
          "/v1/checkout/sessions",
          "checkout.session",
        ),
      ),
    )
    .get(
      "/checkout/sessions/:id",
      endpoint(world, Nothing, (_query, { id = "" }) => world.get("checkout.session", id)),
    )
    .post(
      "/checkout/sessions/:id",
      endpoint(world, z.strictObject({ metadata: Metadata.optional() }), (body, { id = "" }) => {
        const before = world.get("checkout.session", id);
        return world.update("checkout.session", before, { metadata: mergeMetadata(before.metadata, body.metadata) })
          .after;
      }),
    )
    .post(
      "/checkout/sessions/:id/expire",
      endpoint(world, Nothing, (_body, { id = "" }) => expireSession(account, id)),
    );
}

/** An open session, with the order that its payment will turn into a subscription. */
export function openSession(account: Account, body: z.infer<typeof SessionBody>): CheckoutSession {
  const { world } = account;
  const [item, ...more] = body.line_items;
  if (item === undefined || more.length > 0)
    throw invalidRequest("The sandbox's sessions have exactly one line item.", { param: "line_items" });
  const price = world.get("price", item.price, "line_items[0][price]");
  if (body.customer !== undefined) world.get("customer", body.customer, "customer");
  const id = world.newId("cs_test_", 58);
  const session = newSession(id, world.seconds(), {
    customer: body.customer ?? null,
    customerEmail: body.customer_email ?? null,
    clientReferenceId: body.client_reference_id ?? null,
    metadata: mergeMetadata({}, body.metadata),
    customFields: (body.custom_fields ?? []).map(newField),
    locale: body.locale ?? null,
    amount: (price.unit_amount ?? 0) * (item.quantity ?? 1),
    currency: price.currency,
    successUrl: body.success_url ?? null,
    cancelUrl: body.cancel_url ?? null,
    expiresAt: body.expires_at ?? world.seconds() + 86_400,
    url: account.pageUrl(`/c/pay/${id}`),
  });
  world.put("checkout.session", id, session);
  world.put("order", id, {
    price: price.id,
    quantity: item.quantity ?? 1,
    subscriptionMetadata: mergeMetadata({}, body.subscription_data?.metadata),
    trialDays: body.subscription_data?.trial_period_days,
  });
  return session;
}

function newField(field: z.infer<typeof CustomField>): CheckoutSession["custom_fields"][number] {
  const limits = (
    given:
      | { minimum_length?: number | undefined; maximum_length?: number | undefined; default_value?: string | undefined }
      | undefined,
  ) => ({
    default_value: given?.default_value ?? null,
    maximum_length: given?.maximum_length ?? null,
    minimum_length: given?.minimum_length ?? null,
    value: null,
  });
  return {
    key: field.key,
    label: field.label,
    optional: field.optional ?? false,
    type: field.type,
    ...(field.type === "text" ? { text: limits(field.text) } : {}),
    ...(field.type === "numeric" ? { numeric: limits(field.numeric) } : {}),
    ...(field.type === "dropdown"
      ? {
          dropdown: {
            default_value: field.dropdown?.default_value ?? null,
            options: field.dropdown?.options ?? [],
            value: null,
          },
        }
      : {}),
  };
}
