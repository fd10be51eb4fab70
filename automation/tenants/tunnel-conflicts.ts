import type { Queryable } from "../db/database.ts";
import { SubdomainTaken, SubscriptionHasTunnel } from "./errors.ts";

/** Held by whoever takes a name or a place, until its transaction ends: tenants and containers' own tunnels share them. */
const LOCK_PLACES = "select pg_advisory_xact_lock(hashtext('odoosaas.placement'))";

export async function lockPlaces(tx: Queryable): Promise<void> {
  await tx.query(LOCK_PLACES);
}

const CONFLICTS = `
  select label, label = $1 as "sameName" from standalone_tunnels
  where state <> 'deleted' and (label = $1 or subscription_id = $2)
  order by label = $1 desc limit 1`;

/**
 * A container's own tunnel has the name, or is the subscription's. Call it behind `lockPlaces`. Throws SubdomainTaken,
 * SubscriptionHasTunnel.
 */
export async function refuseTunnelsOwn(
  tx: Queryable,
  { subdomain, subscriptionId }: { readonly subdomain: string; readonly subscriptionId?: string | undefined },
): Promise<void> {
  const { rows } = await tx.query<{ label: string; sameName: boolean }>(CONFLICTS, [subdomain, subscriptionId ?? null]);
  const conflict = rows[0];
  if (conflict === undefined) return;
  if (conflict.sameName) throw new SubdomainTaken(subdomain);
  throw new SubscriptionHasTunnel(subscriptionId ?? "", conflict.label);
}
