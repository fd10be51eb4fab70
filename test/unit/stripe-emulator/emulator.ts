import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Stripe } from "stripe";
import { StripeConfig } from "../../../sandbox/stripe/config.ts";
import { startStripe, type RunningStripe } from "../../../sandbox/stripe/server.ts";

export const API_KEY = "sk_test_0123456789abcdef";
export const WEBHOOK_SECRET = "whsec_test0123456789";

export interface Emulator {
  readonly url: string;
  /** The official client. */
  readonly stripe: Stripe;
  /** One of the doors for tests. */
  readonly door: <T = Record<string, unknown>>(
    method: "GET" | "POST" | "DELETE",
    path: string,
    body?: unknown,
  ) => Promise<T>;
  readonly checkout: (order: Record<string, unknown>) => Promise<Checkout>;
  /** Ends the process's part and starts it again on the same state and port. */
  readonly restart: () => Promise<void>;
}

export interface Checkout {
  session: Stripe.Checkout.Session & { subscription: string; customer: string };
  subscription: Stripe.Subscription;
  customer: Stripe.Customer;
  invoice: Stripe.Invoice;
}

/** An emulator of its own for one test. */
export async function startEmulator(
  t: Pick<TestContext, "after">,
  settings: { [K in keyof StripeConfig]?: StripeConfig[K] | undefined } = {},
): Promise<Emulator> {
  const directory = await mkdtemp(join(tmpdir(), "odoosaas-stripe-"));
  const config = StripeConfig.parse({
    port: 0,
    apiKey: API_KEY,
    stateFile: join(directory, "stripe.jsonl"),
    prices: [
      { id: "price_starter", plan: "starter" },
      { id: "price_business", plan: "business", unitAmount: 9900 },
    ],
    ...settings,
  });
  let running: RunningStripe = await startStripe(config);
  t.after(async () => {
    await running.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const { url, port } = running;
  const door = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${url}/__sandbox${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as T;
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  };
  return {
    url,
    stripe: client(url),
    door,
    checkout: (order) => door("POST", "/checkout", { plan: "starter", email: "owner@example.com", ...order }),
    restart: async () => {
      await running.stop();
      running = await startStripe({ ...config, port });
    },
  };
}

export function client(url: string, settings: Stripe.StripeConfig = {}): Stripe {
  const { hostname, port } = new URL(url);
  return new Stripe(API_KEY, {
    host: hostname,
    port,
    protocol: "http",
    maxNetworkRetries: 0,
    telemetry: false,
    ...settings,
  });
}

export interface Received {
  readonly event: Stripe.Event;
  readonly signature: string;
  readonly raw: string;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Status of the next answers. */
  status: number;
}

/** A webhook endpoint that keeps what it is sent. */
export async function startReceiver(t: Pick<TestContext, "after">): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const raw = Buffer.concat(chunks).toString();
      received.push({
        event: JSON.parse(raw) as Stripe.Event,
        signature: String(req.headers["stripe-signature"]),
        raw,
      });
      res.writeHead(receiver.status).end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    received,
    status: 200,
  };
  return receiver;
}
