import { Router } from "express";
import { z } from "zod";
import type { Account } from "../billing/account.ts";
import { attemptPayment, finalizeInvoice, markPaid, markUncollectible, voidInvoice } from "../billing/invoicing.ts";
import { endpoint } from "../endpoint.ts";
import { StripeError } from "../errors.ts";
import { subscriptionOf } from "../objects/invoice.ts";
import { Flag, Listing, Nothing, page } from "../parameters.ts";

const ListQuery = Listing.extend({
  subscription: z.string().optional(),
  customer: z.string().optional(),
  status: z.enum(["draft", "open", "paid", "uncollectible", "void"]).optional(),
});

/** https://docs.stripe.com/api/invoices */
export function invoiceRoutes(account: Account): Router {
  const { world } = account;
  return Router()
    .get(
      "/invoices",
      endpoint(world, ListQuery, (query) =>
        page(
          world
            .list("invoice")
            .filter(
              (invoice) =>
                (query.subscription === undefined || subscriptionOf(invoice) === query.subscription) &&
                (query.customer === undefined || invoice.customer === query.customer) &&
                (query.status === undefined || invoice.status === query.status),
            ),
          query,
          "/v1/invoices",
          "invoice",
        ),
      ),
    )
    .get(
      "/invoices/:id",
      endpoint(world, Nothing, (_query, { id = "" }) => world.get("invoice", id)),
    )
    .post(
      "/invoices/:id/pay",
      endpoint(world, z.strictObject({ paid_out_of_band: Flag.optional() }), (body, { id = "" }) => {
        const invoice = world.get("invoice", id);
        if (body.paid_out_of_band === true) return markPaid(account, invoice);
        if (!attemptPayment(account, invoice)) {
          throw new StripeError(402, { type: "card_error", code: "card_declined", message: "Your card was declined." });
        }
        return world.get("invoice", id);
      }),
    )
    .post(
      "/invoices/:id/finalize",
      endpoint(world, Nothing, (_body, { id = "" }) => finalizeInvoice(account, world.get("invoice", id))),
    )
    .post(
      "/invoices/:id/void",
      endpoint(world, Nothing, (_body, { id = "" }) => voidInvoice(account, world.get("invoice", id))),
    )
    .post(
      "/invoices/:id/mark_uncollectible",
      endpoint(world, Nothing, (_body, { id = "" }) => markUncollectible(account, world.get("invoice", id))),
    );
}
