import { json, Router, type Request, type RequestHandler, type Response } from "express";
import { z } from "zod";
import { Checkout, payCheckout, SUBSCRIPTION_ACTIONS } from "./actions.ts";
import type { Account } from "./billing/account.ts";
import { completeSession, settleSession } from "./billing/checkout.ts";
import { advance } from "./billing/time.ts";
import type { Deliveries } from "./deliveries.ts";
import { fromZod, missing } from "./errors.ts";
import { Fault, type Faults } from "./faults.ts";

const Payment = z.strictObject({
  email: z.string().optional(),
  name: z.string().optional(),
  company: z.string().optional(),
  country: z.string().optional(),
  fields: z.record(z.string(), z.string()).optional(),
  payment: z.enum(["now", "later"]).default("now"),
});

const Release = z.strictObject({
  shuffle: z.boolean().optional(),
  duplicate: z.number().min(0).max(1).optional(),
  drop: z.number().min(0).max(1).optional(),
  seed: z.number().int().optional(),
});

/** What Stripe does not have: doors for tests and demonstrations, in JSON and without a key. README.md lists them. */
export function doors(account: Account, deliveries: Deliveries, faults: Faults): Router {
  const { world } = account;
  const answer =
    (work: (req: Request) => object): RequestHandler =>
    async (req: Request, res: Response) => {
      const result = work(req);
      await world.saved();
      res.json(result);
    };
  return Router()
    .use(json())
    .post(
      "/checkout",
      answer((req) => {
        const session = payCheckout(account, read(Checkout, req));
        return {
          session,
          customer: world.get("customer", session.customer ?? ""),
          subscription: world.get("subscription", session.subscription ?? ""),
          invoice: world.get("invoice", session.invoice ?? ""),
        };
      }),
    )
    .post(
      "/checkout/sessions/:id/complete",
      answer((req) => completeSession(account, id(req), read(Payment, req))),
    )
    .post(
      "/checkout/sessions/:id/settle",
      answer((req) => settleSession(account, id(req), read(z.strictObject({ paid: z.boolean() }), req).paid)),
    )
    .post(
      "/subscriptions/:id/:action",
      answer((req) => {
        const name = String(req.params["action"]);
        const action = Object.hasOwn(SUBSCRIPTION_ACTIONS, name) ? SUBSCRIPTION_ACTIONS[name] : undefined;
        if (action === undefined) throw missing("action", name, "action");
        return action(account, id(req));
      }),
    )
    .get(
      "/clock",
      answer(() => clock(account)),
    )
    .post(
      "/clock",
      answer((req) => {
        const { days, seconds } = read(
          z.strictObject({ days: z.number().min(0).default(0), seconds: z.number().min(0).default(0) }),
          req,
        );
        advance(account, (days * 86_400 + seconds) * 1000);
        deliveries.sendDue();
        return clock(account);
      }),
    )
    .get(
      "/deliveries",
      answer(() => ({ deliveries: deliveries.list() })),
    )
    .post(
      "/deliveries/hold",
      answer(() => {
        deliveries.hold();
        return { holding: true };
      }),
    )
    .post(
      "/deliveries/release",
      answer((req) => ({ released: deliveries.release(withoutUndefined(read(Release, req))) })),
    )
    .post(
      "/deliveries/resend",
      answer((req) => {
        const event = world.get("event", read(z.strictObject({ event: z.string() }), req).event, "event");
        deliveries.resend(event);
        return { resent: event.id };
      }),
    )
    .get(
      "/faults",
      answer(() => ({ faults: faults.list() })),
    )
    .post(
      "/faults",
      answer((req) => {
        faults.add(read(Fault, req));
        return { faults: faults.list() };
      }),
    )
    .delete(
      "/faults",
      answer(() => {
        faults.clear();
        return { faults: [] };
      }),
    );
}

function id(req: Request): string {
  return String(req.params["id"]);
}

function clock({ world }: Account): object {
  return { now: new Date(world.now()).toISOString() };
}

function read<Schema extends z.ZodType>(schema: Schema, req: Request): z.infer<Schema> {
  const parsed = schema.safeParse(req.body ?? {});
  if (!parsed.success) throw fromZod(parsed.error);
  return parsed.data;
}

/** Zod's optional keys may hold undefined; the rest of the code tells absent from undefined. */
function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
