import { randomBytes } from "node:crypto";
import { Router } from "express";
import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { Listing, listOf, Nothing, page } from "../parameters.ts";
import type { WebhookEndpoint } from "../wire.ts";
import type { World } from "../world.ts";

const Body = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  enabled_events: listOf(z.string()),
  description: z.string().optional(),
});

/** https://docs.stripe.com/api/webhook_endpoints: the secret is shown once, when an endpoint is made. */
export function webhookEndpointRoutes(world: World): Router {
  return Router()
    .post(
      "/webhook_endpoints",
      endpoint(world, Body, (body) => {
        const made = newEndpoint(
          world,
          body.url,
          body.enabled_events,
          `whsec_${randomBytes(24).toString("base64url")}`,
          body.description,
        );
        world.put("webhook_endpoint", made.id, made);
        return made;
      }),
    )
    .get(
      "/webhook_endpoints",
      endpoint(world, Listing, (query) =>
        page(world.list("webhook_endpoint").map(withoutSecret), query, "/v1/webhook_endpoints", "webhook_endpoint"),
      ),
    )
    .get(
      "/webhook_endpoints/:id",
      endpoint(world, Nothing, (_query, { id = "" }) => withoutSecret(world.get("webhook_endpoint", id))),
    )
    .delete(
      "/webhook_endpoints/:id",
      endpoint(world, Nothing, (_query, { id = "" }) => {
        world.get("webhook_endpoint", id);
        world.remove("webhook_endpoint", id);
        return { id, object: "webhook_endpoint", deleted: true };
      }),
    );
}

export function newEndpoint(
  world: World,
  url: string,
  events: readonly string[],
  secret: string,
  description?: string,
): WebhookEndpoint {
  return {
    id: world.newId("we_"),
    object: "webhook_endpoint",
    api_version: world.apiVersion,
    application: null,
    created: world.seconds(),
    description: description ?? null,
    enabled_events: [...events],
    livemode: false,
    metadata: {},
    secret,
    status: "enabled",
    url,
  };
}

function withoutSecret(whole: WebhookEndpoint): WebhookEndpoint {
  const { secret: _, ...shown } = whole;
  return shown;
}
