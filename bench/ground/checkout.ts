import { randomBytes } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { Stripe } from "stripe";
import type { Instance } from "../../sandbox/instance.ts";
import type { InstanceSecrets } from "../../sandbox/lifecycle/secrets.ts";

/** A paid checkout, whose event has not been delivered yet. */
export interface PaidCheckout {
  subdomain: string;
  email: string;
  /** The signed event `checkout.session.completed`. */
  event: SignedEvent;
}

/** A checkout at the emulated Stripe. */
export interface RealCheckout extends PaidCheckout {
  subscriptionId: string;
}

/** The fields of an event that are used here; it has all others as well. */
export interface StripeEvent {
  id: string;
  data: { object: { id: string } };
}

export interface SignedEvent {
  id: string;
  payload: string;
  /** Header Stripe-Signature. */
  signature: string;
}

/** Stripe's part of the ground. It delivers nothing by itself: a measure sends what it wants to measure. */
export class StripeDoor {
  readonly #instance: Instance;
  readonly #secrets: InstanceSecrets;

  private constructor(instance: Instance, secrets: InstanceSecrets) {
    this.#instance = instance;
    this.#secrets = secrets;
  }

  static async open(instance: Instance, secrets: InstanceSecrets): Promise<StripeDoor> {
    const door = new StripeDoor(instance, secrets);
    await door.#ask("POST", "/__sandbox/deliveries/hold", {});
    return door;
  }

  /** As a customer who pays. The signature is good for five minutes. */
  async pay(subdomain: string): Promise<RealCheckout> {
    const email = `owner@${subdomain}.example`;
    const checkout = { subdomain, plan: "starter", email, company: `Company ${subdomain}` };
    const { session, subscription } = (await this.#ask("POST", "/__sandbox/checkout", checkout)) as {
      session: { id: string };
      subscription: { id: string };
    };
    const event = await this.newestEvent("checkout.session.completed", session.id);
    return { subdomain, email, subscriptionId: subscription.id, event: this.sign(event) };
  }

  /** A checkout that Stripe does not know, for ways that ask it nothing: the server's catch-up must not find it. */
  pretend(subdomain: string): PaidCheckout {
    const email = `owner@${subdomain}.example`;
    const session = { object: "checkout.session", metadata: { subdomain }, customer_details: { email } };
    const event = {
      id: `evt_${randomBytes(12).toString("hex")}`,
      object: "event",
      type: "checkout.session.completed",
      data: { object: { id: `cs_${subdomain}`, ...session } },
    };
    return { subdomain, email, event: this.sign(event) };
  }

  /** Delivers what was held back so far, so that no catch-up comes across it later; resolves when all have arrived. */
  async settle(): Promise<void> {
    await this.#ask("POST", "/__sandbox/deliveries/release", {});
    await this.#ask("POST", "/__sandbox/deliveries/hold", {});
    for (;;) {
      const { deliveries } = (await this.#ask("GET", "/__sandbox/deliveries")) as { deliveries: { state: string }[] };
      if (!deliveries.some(({ state }) => state === "pending")) return;
      await setTimeout(100);
    }
  }

  /** As the operator of the shop who pauses or resumes a subscription; resolves with the event that tells of it. */
  async change(subscriptionId: string, action: "pause" | "resume"): Promise<SignedEvent> {
    await this.#ask("POST", `/__sandbox/subscriptions/${subscriptionId}/${action}`, {});
    return this.sign(await this.newestEvent(`customer.subscription.${action}d`, subscriptionId));
  }

  /** As Stripe signs it for the server's webhook; good for five minutes. */
  sign(event: { id: string }): SignedEvent {
    const payload = JSON.stringify(event, undefined, 2);
    const secret = this.#secrets.stripe.webhookSecret;
    return { id: event.id, payload, signature: Stripe.webhooks.generateTestHeaderString({ payload, secret }) };
  }

  /** The newest event of a type, about one object. */
  async newestEvent(type: string, objectId: string): Promise<StripeEvent> {
    const page = (await this.#ask("GET", `/v1/events?type=${type}&limit=100`)) as {
      data: StripeEvent[];
    };
    const event = page.data.find(({ data }) => data.object.id === objectId);
    if (!event) throw new Error(`the emulated Stripe has no event ${type} of ${objectId}`);
    return event;
  }

  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.#instance.ports.stripe}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#secrets.stripe.apiKey}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} of the emulated Stripe answered ${response.status}: ${text}`);
    return JSON.parse(text) as unknown;
  }
}

/** Delivers an event as Stripe does. Throws unless the answer is a success. */
export async function deliver(url: string, { payload, signature }: SignedEvent): Promise<void> {
  const headers = { "content-type": "application/json; charset=utf-8", "stripe-signature": signature };
  const response = await fetch(`${url}/webhook/stripe`, { method: "POST", headers, body: payload });
  if (!response.ok) throw new Error(`the webhook answered ${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
}
