import type { Stripe } from "stripe";
import type { Database, Transaction } from "../db/database.ts";
import type { Queue } from "../queue/queue.ts";
import type { Actor, Tenants } from "../tenants/tenants.ts";
import type { StripeSettings } from "./settings.ts";

/** What handling Stripe's news takes. */
export interface StripeDeps {
  readonly database: Database;
  readonly tenants: Pick<Tenants, "request" | "changeWish">;
  readonly queue: Pick<Queue, "enqueueStripeEvent" | "stripeEventsAtWork">;
  readonly stripe: Pick<Stripe, "subscriptions" | "invoices" | "checkout" | "customers" | "events">;
  readonly settings: Pick<StripeSettings, "prices" | "unknownPrices" | "policy" | "livemode">;
  /** The clock that grace and retention run by; tests move it. */
  readonly now: () => Date;
  readonly log?: (message: string, facts?: Readonly<Record<string, unknown>>) => void;
}

/** A reading of a subscription while it is being written into the database. */
export interface Application {
  readonly tx: Transaction;
  readonly subscriptionId: string;
  /** When the reading began, by the database's clock. */
  readonly readAt: Date;
  readonly by: Actor;
  readonly deps: StripeDeps;
}
