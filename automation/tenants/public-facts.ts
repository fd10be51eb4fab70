import type { Tenant } from "./tenant.ts";

/** What the audit log keeps of a wish. */
export function publicFacts(tenant: Tenant): Record<string, unknown> {
  const {
    subdomain,
    planType,
    containerId,
    localPort,
    subscriptionId,
    customerEmail,
    settings,
    wanted,
    wantedReason,
    generation,
    graceUntil,
    deleteAfter,
  } = tenant;
  return {
    subdomain,
    planType,
    containerId,
    localPort,
    subscriptionId,
    customerEmail,
    settings,
    wanted,
    wantedReason,
    generation,
    graceUntil,
    deleteAfter,
  };
}
