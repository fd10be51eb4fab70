import { Router } from "express";
import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { Flag, Listing, Nothing, page } from "../parameters.ts";
import type { World } from "../world.ts";

/** Products and prices are the configuration's; the API only shows them. https://docs.stripe.com/api/prices */
export function catalogRoutes(world: World): Router {
  return Router()
    .get(
      "/products",
      endpoint(world, Listing.extend({ active: Flag.optional() }), (query) =>
        page(
          world.list("product").filter((product) => query.active === undefined || product.active === query.active),
          query,
          "/v1/products",
          "product",
        ),
      ),
    )
    .get(
      "/products/:id",
      endpoint(world, Nothing, (_query, { id = "" }) => world.get("product", id)),
    )
    .get(
      "/prices",
      endpoint(world, Listing.extend({ active: Flag.optional(), product: z.string().optional() }), (query) =>
        page(
          world
            .list("price")
            .filter(
              (price) =>
                (query.active === undefined || price.active === query.active) &&
                (query.product === undefined || price.product === query.product),
            ),
          query,
          "/v1/prices",
          "price",
        ),
      ),
    )
    .get(
      "/prices/:id",
      endpoint(world, Nothing, (_query, { id = "" }) => world.get("price", id)),
    );
}
