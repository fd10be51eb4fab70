import { Router } from "express";
import { z } from "zod";
import type { Account } from "../billing/account.ts";
import { cancelSubscription } from "../billing/subscriptions.ts";
import { endpoint } from "../endpoint.ts";
import { newCustomer } from "../objects/customer.ts";
import { Listing, listOf, mergeMetadata, Metadata, Nothing, page } from "../parameters.ts";

const CustomerBody = z.strictObject({
  email: z.string().optional(),
  name: z.string().optional(),
  business_name: z.string().optional(),
  phone: z.string().optional(),
  description: z.string().optional(),
  metadata: Metadata.optional(),
  preferred_locales: listOf(z.string()).optional(),
  address: z.strictObject({ country: z.string().optional() }).optional(),
  /** A method of Stripe's test mode: `pm_card_visa` pays, `pm_card_chargeCustomerFail` does not. */
  payment_method: z.string().optional(),
  invoice_settings: z.strictObject({ default_payment_method: z.string() }).optional(),
});

/** https://docs.stripe.com/api/customers */
export function customerRoutes(account: Account): Router {
  const { world } = account;
  return Router()
    .post(
      "/customers",
      endpoint(world, CustomerBody, (body) => {
        const customer = newCustomer(world.newId("cus_", 14), world.seconds(), {
          email: body.email,
          name: body.name,
          businessName: body.business_name,
          phone: body.phone,
          description: body.description,
          country: body.address?.country,
          preferredLocales: body.preferred_locales,
          metadata: mergeMetadata({}, body.metadata),
          paymentMethod: body.invoice_settings?.default_payment_method ?? body.payment_method,
        });
        world.put("customer", customer.id, customer);
        world.emit("customer.created", customer);
        return customer;
      }),
    )
    .get(
      "/customers",
      endpoint(world, Listing.extend({ email: z.string().optional() }), (query) =>
        page(
          world.list("customer").filter((customer) => query.email === undefined || customer.email === query.email),
          query,
          "/v1/customers",
          "customer",
        ),
      ),
    )
    .get(
      "/customers/:id",
      endpoint(world, Nothing, (_query, { id = "" }) => world.get("customer", id)),
    )
    .post(
      "/customers/:id",
      endpoint(world, CustomerBody, (body, { id = "" }) => {
        const before = world.get("customer", id);
        const { after, previous } = world.update("customer", before, {
          ...(body.email === undefined ? {} : { email: body.email }),
          ...(body.name === undefined ? {} : { name: body.name }),
          ...(body.business_name === undefined ? {} : { business_name: body.business_name }),
          ...(body.description === undefined ? {} : { description: body.description }),
          ...(body.invoice_settings === undefined
            ? {}
            : {
                invoice_settings: {
                  ...before.invoice_settings,
                  default_payment_method: body.invoice_settings.default_payment_method,
                },
              }),
          metadata: mergeMetadata(before.metadata, body.metadata),
        });
        if (previous !== undefined) world.emit("customer.updated", after, previous);
        return after;
      }),
    )
    .delete(
      "/customers/:id",
      endpoint(world, Nothing, (_query, { id = "" }) => {
        const customer = world.get("customer", id);
        const running = world.list("subscription").filter((one) => one.customer === id && one.ended_at === null);
        for (const subscription of running) cancelSubscription(account, subscription.id);
        world.remove("customer", id);
        world.emit("customer.deleted", customer);
        return { id, object: "customer", deleted: true };
      }),
    );
}
