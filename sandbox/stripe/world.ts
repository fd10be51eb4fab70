import { randomInt } from "node:crypto";
import { missing } from "./errors.ts";
import { Journal } from "./journal.ts";
import type { CheckoutSession, Customer, Invoice, Price, Product, Subscription, WebhookEndpoint } from "./wire.ts";

/** https://docs.stripe.com/api/events */
export interface Event {
  readonly id: string;
  readonly object: "event";
  readonly api_version: string;
  readonly created: number;
  readonly data: {
    readonly object: { readonly id: string; readonly object: string };
    readonly previous_attributes?: Readonly<Record<string, unknown>>;
  };
  readonly livemode: false;
  readonly pending_webhooks: number;
  readonly request: { readonly id: string | null; readonly idempotency_key: string | null };
  readonly type: string;
}

/** A delivery of one event to one endpoint. */
export interface Delivery {
  readonly id: string;
  readonly event: string;
  readonly endpoint: string;
  /** `held` ones wait for the doors; `dropped` ones are lost on purpose. */
  readonly state: "pending" | "held" | "delivered" | "failed" | "dropped";
  readonly attempts: number;
  /** Milliseconds since 1970, by the world's clock. */
  readonly nextAt: number;
  /** HTTP status or error of the last try. */
  readonly last: string | null;
}

/** The first answer to a request with an idempotency key. */
export interface StoredAnswer {
  readonly fingerprint: string;
  readonly at: number;
  readonly status: number;
  readonly body: unknown;
}

/** What `line_items` and `subscription_data` of a checkout session asked for; the session itself does not show it. */
export interface SessionOrder {
  readonly price: string;
  readonly quantity: number;
  readonly subscriptionMetadata: Record<string, string>;
  readonly trialDays?: number | undefined;
}

interface Kinds {
  customer: Customer;
  product: Product;
  price: Price;
  subscription: Subscription;
  invoice: Invoice;
  "checkout.session": CheckoutSession;
  /** By the session's id. */
  order: SessionOrder;
  event: Event;
  webhook_endpoint: WebhookEndpoint;
  delivery: Delivery;
  answer: StoredAnswer;
  clock: { offset: number };
}

export type Kind = keyof Kinds;

/** `previous_attributes` names what an update changed, one level deep. */
type Updated<K extends Kind> = { kind: K; before: Kinds[K]; after: Kinds[K] };

/** All objects of the emulated account, its clock, and the events that tell of changes. */
export class World {
  readonly apiVersion: string;
  readonly #objects = new Map<Kind, Map<string, unknown>>();
  readonly #journal: Journal;
  readonly #realNow: () => number;
  #offset = 0;
  /** While time is being advanced, things happen at the time they were due. */
  #pretended: number | undefined;
  readonly #listeners: ((event: Event) => void)[] = [];
  /** Of the API request that is being answered: shown in the events it causes. */
  request: { id: string | null; idempotencyKey: string | null } = { id: null, idempotencyKey: null };

  private constructor(journal: Journal, apiVersion: string, realNow: () => number) {
    this.#journal = journal;
    this.apiVersion = apiVersion;
    this.#realNow = realNow;
  }

  static async open(stateFile: string, apiVersion: string, realNow: () => number): Promise<World> {
    const { journal, entries } = await Journal.open(stateFile);
    const world = new World(journal, apiVersion, realNow);
    for (const [kind, id, value] of entries) world.#of(kind as Kind).set(id, value);
    world.#offset = world.find("clock", "clock")?.offset ?? 0;
    world.#forget();
    return world;
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#pretended ?? this.#realNow() + this.#offset;
  }

  /** Seconds since 1970, as the API writes times. */
  seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  /** Moves the clock forward for good. */
  moveClock(milliseconds: number): void {
    this.#offset += milliseconds;
    this.put("clock", "clock", { offset: this.#offset });
  }

  /** Does something as if it were that time. */
  at(milliseconds: number, work: () => void): void {
    const before = this.#pretended;
    this.#pretended = milliseconds;
    try {
      work();
    } finally {
      this.#pretended = before;
    }
  }

  find<K extends Kind>(kind: K, id: string): Kinds[K] | undefined {
    return this.#of(kind).get(id) as Kinds[K] | undefined;
  }

  /** Throws Stripe's 404. */
  get<K extends Kind>(kind: K, id: string, param = "id"): Kinds[K] {
    const found = this.find(kind, id);
    if (found === undefined) throw missing(kind, id, param);
    return found;
  }

  /** Newest first, as Stripe lists. */
  list<K extends Kind>(kind: K): Kinds[K][] {
    return [...this.#of(kind).values()].toReversed() as Kinds[K][];
  }

  put<K extends Kind>(kind: K, id: string, value: Kinds[K]): void {
    this.#of(kind).set(id, value);
    this.#journal.append([kind, id, value]);
  }

  remove(kind: Kind, id: string): void {
    if (this.#of(kind).delete(id)) this.#journal.append([kind, id]);
  }

  /** Records an event with the object as it is now. */
  emit(
    type: string,
    object: { readonly id: string; readonly object: string },
    previous?: Readonly<Record<string, unknown>>,
  ): void {
    const event: Event = {
      id: this.newId("evt_"),
      object: "event",
      api_version: this.apiVersion,
      created: this.seconds(),
      data: {
        object: structuredClone(object),
        ...(previous === undefined ? {} : { previous_attributes: structuredClone(previous) }),
      },
      livemode: false,
      pending_webhooks: 0,
      request: { id: this.request.id, idempotency_key: this.request.idempotencyKey },
      type,
    };
    this.put("event", event.id, event);
    for (const listener of this.#listeners) listener(event);
  }

  /** Stores the object as changed, and says which attributes had which values before; undefined when none changed. */
  update<K extends Exclude<Kind, "order" | "event" | "delivery" | "answer" | "clock">>(
    kind: K,
    before: Kinds[K],
    change: Partial<Kinds[K]>,
  ): { after: Kinds[K]; previous: Record<string, unknown> | undefined } {
    const after = { ...before, ...change };
    this.put(kind, before.id, after);
    return { after, previous: previousAttributes({ kind, before, after }) };
  }

  onEvent(listener: (event: Event) => void): void {
    this.#listeners.push(listener);
  }

  /** Stripe's ids: a prefix and letters and digits without a meaning. */
  newId(prefix: string, length = 24): string {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    return prefix + Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
  }

  /** Resolves when all changes so far are on the disk. */
  saved(): Promise<void> {
    return this.#journal.flush();
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  /** What Stripe forgets too: answers to idempotency keys after a day, events (and their deliveries) after 30. */
  #forget(): void {
    const day = 86_400_000;
    for (const [id, answer] of this.#of("answer") as Map<string, StoredAnswer>) {
      if (answer.at < this.now() - day) this.remove("answer", id);
    }
    for (const event of this.list("event"))
      if (event.created * 1000 < this.now() - 30 * day) this.remove("event", event.id);
    for (const delivery of this.list("delivery"))
      if (this.find("event", delivery.event) === undefined) this.remove("delivery", delivery.id);
  }

  #of(kind: Kind): Map<string, unknown> {
    let found = this.#objects.get(kind);
    if (found === undefined) this.#objects.set(kind, (found = new Map<string, unknown>()));
    return found;
  }
}

function previousAttributes<K extends Kind>({ before, after }: Updated<K>): Record<string, unknown> | undefined {
  const previous: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(before)) {
    if (JSON.stringify(value) !== JSON.stringify((after as Record<string, unknown>)[name])) previous[name] = value;
  }
  return Object.keys(previous).length === 0 ? undefined : previous;
}
