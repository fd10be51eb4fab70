import type { PricedItem, Subscription } from "./subscription.ts";

/** Price id, lookup key or product id → plan. */
export type PlanByPrice = ReadonlyMap<string, string>;

export interface PlanFound {
  readonly plan: string;
  /** What an operator may want to know: a quantity, items that name other plans. */
  readonly notes: readonly string[];
}

/**
 * The plan that a subscription pays for. Its price goes first, so that a change of price is a change of plan; metadata
 * (`plan`, of the subscription, else of the checkout session) speaks only where the price is unknown.
 */
export function planOf(
  subscription: Pick<Subscription, "items" | "metadata">,
  sessionMetadata: Readonly<Record<string, string>> | null,
  prices: PlanByPrice,
): PlanFound | undefined {
  const known = subscription.items.flatMap((item) => {
    const plan = planOfItem(item, prices);
    return plan === undefined ? [] : [{ item, plan }];
  });
  const [first] = known;
  if (first === undefined) {
    const plan = subscription.metadata["plan"] ?? sessionMetadata?.["plan"];
    return plan === undefined || plan === "" ? undefined : { plan, notes: [] };
  }
  const notes: string[] = [];
  if (first.item.quantity !== 1)
    notes.push(`the quantity ${first.item.quantity} makes no difference: it is one tenant`);
  const others = new Set(known.map(({ plan }) => plan).filter((plan) => plan !== first.plan));
  if (others.size > 0) notes.push(`its items name further plans (${[...others].join(", ")}); the first item counts`);
  return { plan: first.plan, notes };
}

function planOfItem({ price, lookupKey, product }: PricedItem, prices: PlanByPrice): string | undefined {
  return prices.get(price) ?? (lookupKey === null ? undefined : prices.get(lookupKey)) ?? prices.get(product);
}
