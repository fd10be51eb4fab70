import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { isIP, type AddressInfo } from "node:net";
import express, { type ErrorRequestHandler, type RequestHandler } from "express";
import { Stripe } from "stripe";
import type { Account } from "./billing/account.ts";
import { runDue } from "./billing/time.ts";
import { DELIVERED_EVENTS, type StripeConfig } from "./config.ts";
import { Deliveries } from "./deliveries.ts";
import { doors } from "./doors.ts";
import { invalidRequest, StripeError } from "./errors.ts";
import { Faults } from "./faults.ts";
import { newPrice, newProduct } from "./objects/price.ts";
import { pages } from "./page.ts";
import { catalogRoutes } from "./routes/catalog.ts";
import { checkoutSessionRoutes } from "./routes/checkout-sessions.ts";
import { customerRoutes } from "./routes/customers.ts";
import { eventRoutes } from "./routes/events.ts";
import { invoiceRoutes } from "./routes/invoices.ts";
import { subscriptionRoutes } from "./routes/subscriptions.ts";
import { newEndpoint, webhookEndpointRoutes } from "./routes/webhook-endpoints.ts";
import { World } from "./world.ts";

export interface RunningStripe {
  readonly port: number;
  /** `http://127.0.0.1:8082`, what STRIPE_API_BASE is set to. */
  readonly url: string;
  /** Ends connections and deliveries; all that was answered for is on the disk. */
  stop(): Promise<void>;
}

export interface StripeOptions {
  /** Milliseconds since 1970. The emulated clock runs from here on, plus what the doors have moved it. */
  now?: () => number;
  log?: (line: string) => void;
}

/** How often it looks for what has become due. */
const TICK_MS = 500;

/** Starts the emulator; resolves when it listens. */
export async function startStripe(config: StripeConfig, options: StripeOptions = {}): Promise<RunningStripe> {
  const now = options.now ?? Date.now;
  const log = options.log ?? (() => {});
  const world = await World.open(config.stateFile, Stripe.API_VERSION, now);
  let url = "";
  const account: Account = {
    world,
    afterLastRetry: config.afterLastRetry,
    paymentRetryDays: config.paymentRetryDays,
    pageUrl: (path) => url + path,
  };
  furnish(world, config);
  const deliveries = new Deliveries(world, config.deliveryRetrySeconds, now);
  const server = createServer(app(account, config, deliveries, log));
  server.listen(config.port, config.host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  url = `http://${config.host}:${port}`;
  await world.saved();

  const tick = setInterval(() => {
    runDue(account);
    deliveries.sendDue();
    world.saved().catch((error: unknown) => log(`state could not be saved: ${String(error)}`));
  }, TICK_MS);
  return {
    port,
    url,
    stop: async () => {
      clearInterval(tick);
      await closed(server);
      await deliveries.stop();
      await world.close();
    },
  };
}

/** Prices, products and the webhook endpoint are as configured, whatever an older state says. */
function furnish(world: World, config: StripeConfig): void {
  for (const price of config.prices) {
    const created = world.find("price", price.id)?.created ?? world.seconds();
    const product = newProduct(price, created);
    world.put("product", product.id, product);
    world.put("price", price.id, newPrice(price, created));
  }
  const known = world.find("webhook_endpoint", CONFIGURED);
  if (config.webhook === undefined) return world.remove("webhook_endpoint", CONFIGURED);
  const endpoint = newEndpoint(
    world,
    config.webhook.url,
    config.webhook.events ?? DELIVERED_EVENTS,
    config.webhook.secret,
  );
  world.put("webhook_endpoint", CONFIGURED, {
    ...endpoint,
    id: CONFIGURED,
    created: known?.created ?? endpoint.created,
  });
}

const CONFIGURED = "we_configured";

function app(
  account: Account,
  config: StripeConfig,
  deliveries: Deliveries,
  log: (line: string) => void,
): express.Express {
  const { world } = account;
  const faults = new Faults();
  const server = express().disable("x-powered-by").set("query parser", "extended");
  server.use((req, res, next) => {
    // A server that is told where this emulator is goes by its clock, as by Stripe's.
    res.set({ "request-id": world.newId("req_", 14), date: new Date(world.now()).toUTCString() });
    res.on("finish", () => log(`${req.method} ${req.path} ${res.statusCode}`));
    next();
  });
  server.use(
    "/v1",
    authenticated(config.apiKey),
    faults.handler(),
    express.urlencoded({ extended: true, limit: "1mb" }),
    customerRoutes(account),
    catalogRoutes(world),
    subscriptionRoutes(account),
    checkoutSessionRoutes(account),
    invoiceRoutes(account),
    eventRoutes(world, deliveries),
    webhookEndpointRoutes(world),
  );
  server.use("/__sandbox", fromHere(config.host), doors(account, deliveries, faults));
  server.use(fromHere(config.host), pages(account, deliveries));
  server.use((req) => {
    throw new StripeError(501, {
      type: "api_error",
      message: `The Stripe sandbox does not have ${req.method} ${req.baseUrl}${req.path}.`,
    });
  });
  server.use(failed(log));
  return server;
}

/** https://docs.stripe.com/api/authentication, and the version that the server is written for. */
function authenticated(apiKey: string): RequestHandler {
  return (req, res, next) => {
    const key = /^Bearer (.+)$/.exec(req.get("authorization") ?? "")?.[1];
    if (key === undefined)
      throw new StripeError(401, {
        type: "invalid_request_error",
        message: "You did not provide an API key. Provide it in the Authorization header, using Bearer auth.",
      });
    if (key !== apiKey)
      throw new StripeError(401, {
        type: "invalid_request_error",
        message: `Invalid API Key provided: ${key.slice(0, 8)}${"*".repeat(8)}`,
      });
    const version = req.get("stripe-version");
    if (version !== undefined && version !== Stripe.API_VERSION)
      throw invalidRequest(`The sandbox speaks the API version ${Stripe.API_VERSION} only, not ${version}.`);
    res.set("stripe-version", Stripe.API_VERSION);
    next();
  };
}

/** The doors and pages have no key, so no page of another site may use a visitor's browser to open them. */
function fromHere(host: string): RequestHandler {
  return (req, _res, next) => {
    const name = req.hostname.replace(/^\[|\]$/g, "");
    const local =
      name === "localhost" ||
      name.endsWith(".localhost") ||
      name === host ||
      (isIP(name) !== 0 && /^(127\.|::1$)/.test(name));
    const origin = req.get("origin");
    const foreign = origin !== undefined && origin !== `http://${req.get("host") ?? ""}`;
    if (!local || foreign)
      throw new StripeError(403, {
        type: "invalid_request_error",
        message: "The sandbox's doors open only to this machine.",
      });
    next();
  };
}

function failed(log: (line: string) => void): ErrorRequestHandler {
  return (error: unknown, req, res, _next) => {
    if (error instanceof StripeError) return void res.status(error.status).set(error.headers).json(error.body);
    const status = (error as { status?: number }).status ?? 500; // of the body parsers
    if (status >= 500) log(`${req.method} ${req.path}: ${(error as Error).stack ?? String(error)}`);
    res.status(status).json({
      error: { type: status < 500 ? "invalid_request_error" : "api_error", message: (error as Error).message },
    });
  };
}

async function closed(server: Server): Promise<void> {
  const end = once(server, "close");
  server.close();
  server.closeAllConnections();
  await end;
}
