import { Stripe } from "stripe";
import { seeded } from "./seeded.ts";
import type { Delivery, Event, World } from "./world.ts";

/** How long an endpoint may take. Stripe does not publish its own limit. */
const TIMEOUT_MS = 10_000;
/** Requests under way at once. */
const AT_ONCE = 20;

/** How held deliveries are let go: seeded, so that a test that fails can be repeated. */
export interface Release {
  /** Order by chance instead of by time. Default false. */
  shuffle?: boolean;
  /** Share of deliveries made twice, 0 to 1. Default 0. */
  duplicate?: number;
  /** Share of deliveries never made, 0 to 1. Default 0. */
  drop?: number;
  /** Default 1. */
  seed?: number;
}

/** Sends events to the endpoints that want them, and again with growing pauses until they answer 2xx. */
export class Deliveries {
  readonly #world: World;
  readonly #retrySeconds: readonly number[];
  readonly #realNow: () => number;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #queued = new Set<string>();
  readonly #byEvent = new Map<string, Set<string>>();
  /** Those still to be made. */
  readonly #open = new Map<string, Delivery>();
  #holding = false;

  constructor(world: World, retrySeconds: readonly number[], realNow: () => number) {
    this.#world = world;
    this.#retrySeconds = retrySeconds;
    this.#realNow = realNow;
    for (const delivery of world.list("delivery").toReversed()) this.#index(delivery);
    world.onEvent((event) => this.#schedule(event));
  }

  /** New deliveries wait from now on. */
  hold(): void {
    this.#holding = true;
  }

  /** Lets go what waits, as told, and stops holding. Returns how many deliveries are made. */
  release(how: Release = {}): number {
    this.#holding = false;
    const chance = seeded(how.seed ?? 1);
    const waiting = [...this.#open.values()].filter((one) => one.state === "held");
    const lost = new Set(waiting.filter(() => chance() < (how.drop ?? 0)));
    for (const one of lost) this.#change(one, { state: "dropped" });
    const held = waiting.filter((one) => !lost.has(one));
    const twice = held
      .filter(() => chance() < (how.duplicate ?? 0))
      .map((one) => this.#make(one.event, one.endpoint, "held"));
    const order = [...held, ...twice]
      .map((one) => ({ one, place: how.shuffle === true ? chance() : 0 }))
      .toSorted((a, b) => a.place - b.place);
    for (const [index, { one }] of order.entries())
      this.#change(one, { state: "pending", nextAt: this.#world.now() + index / 1000 });
    this.sendDue();
    return order.length;
  }

  /** Once more, whatever became of it before. */
  resend(event: Event): void {
    this.#schedule(event);
  }

  /** Starts all deliveries that are due, in the order of their time, as many at once as allowed. */
  sendDue(): void {
    if (this.#stop.signal.aborted) return;
    const now = this.#world.now();
    const due = [...this.#open.values()].filter(
      (one) => one.state === "pending" && one.nextAt <= now + 1 && !this.#queued.has(one.id),
    );
    for (const delivery of due.toSorted((a, b) => a.nextAt - b.nextAt)) {
      if (this.#running.size >= AT_ONCE) return;
      this.#queued.add(delivery.id);
      const sending = this.#send(delivery).finally(() => {
        this.#queued.delete(delivery.id);
        this.#running.delete(sending);
        this.sendDue();
      });
      this.#running.add(sending);
    }
  }

  pendingOf(event: string): number {
    return this.#ofEvent(event).filter((one) => one.state === "pending" || one.state === "held").length;
  }

  /** Every endpoint that wanted it has it. */
  succeeded(event: string): boolean {
    return this.#ofEvent(event).every((one) => one.state === "delivered");
  }

  /** Newest first. */
  list(): readonly Delivery[] {
    return this.#world.list("delivery");
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#running);
  }

  #schedule(event: Event): void {
    for (const endpoint of this.#world.list("webhook_endpoint")) {
      const wanted = endpoint.enabled_events;
      if (wanted.includes(event.type) || wanted.includes("*"))
        this.#make(event.id, endpoint.id, this.#holding ? "held" : "pending");
    }
    if (!this.#holding) setImmediate(() => this.sendDue());
  }

  #make(event: string, endpoint: string, state: Delivery["state"]): Delivery {
    const made: Delivery = {
      id: this.#world.newId("del_"),
      event,
      endpoint,
      state,
      attempts: 0,
      nextAt: this.#world.now(),
      last: null,
    };
    this.#world.put("delivery", made.id, made);
    this.#index(made);
    return made;
  }

  async #send(delivery: Delivery): Promise<void> {
    const event = this.#world.find("event", delivery.event);
    const endpoint = this.#world.find("webhook_endpoint", delivery.endpoint);
    if (event === undefined || endpoint === undefined)
      return this.#change(delivery, { state: "dropped", last: "its endpoint is gone" });
    await this.#world.saved(); // what is told to others must not be forgotten
    const payload = JSON.stringify({ ...event, pending_webhooks: 1 }, null, 2);
    // The receiver compares the time with its own clock, and refuses only old ones: a moved clock must not look old.
    const timestamp = Math.floor(Math.max(this.#realNow(), this.#world.now()) / 1000);
    const last = await post(endpoint.url, payload, endpoint.secret ?? "", timestamp, this.#stop.signal);
    const delivered = /^2\d\d$/.test(last);
    const wait = this.#retrySeconds[delivery.attempts];
    const attempts = delivery.attempts + 1;
    if (this.#stop.signal.aborted && !delivered) return; // after a restart it is sent again
    if (delivered) this.#change(delivery, { state: "delivered", attempts, last });
    else if (wait === undefined) this.#change(delivery, { state: "failed", attempts, last });
    else this.#change(delivery, { attempts, last, nextAt: this.#world.now() + wait * 1000 });
    await this.#world.saved();
  }

  #change(delivery: Delivery, change: Partial<Delivery>): void {
    const after = { ...(this.#world.find("delivery", delivery.id) ?? delivery), ...change };
    this.#world.put("delivery", delivery.id, after);
    this.#index(after);
  }

  #index(delivery: Delivery): void {
    const known = this.#byEvent.get(delivery.event) ?? new Set();
    this.#byEvent.set(delivery.event, known.add(delivery.id));
    if (delivery.state === "pending" || delivery.state === "held") this.#open.set(delivery.id, delivery);
    else this.#open.delete(delivery.id);
  }

  #ofEvent(event: string): Delivery[] {
    return [...(this.#byEvent.get(event) ?? [])].flatMap((id) => this.#world.find("delivery", id) ?? []);
  }
}

/** The answer's status, or what went wrong. Redirects are failures, as at Stripe. */
async function post(
  url: string,
  payload: string,
  secret: string,
  timestamp: number,
  stop: AbortSignal,
): Promise<string> {
  try {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      headers: {
        "content-type": "application/json; charset=utf-8",
        "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp }),
        "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
      },
      body: payload,
      signal: AbortSignal.any([stop, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await response.arrayBuffer();
    return String(response.status);
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error };
    return cause?.message ?? message;
  }
}
