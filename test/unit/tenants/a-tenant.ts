import type { Tenant } from "../../../automation/tenants/tenant.ts";

/** A tenant that runs and is converged. */
export function aTenant(changes: Partial<Tenant> = {}): Tenant {
  const made = new Date("2026-01-01T00:00:00Z");
  return {
    id: 7,
    subscriptionId: "sub_1",
    subdomain: "acme",
    planType: "starter",
    planSettings: null,
    containerId: 105,
    localPort: null,
    customerId: "cus_1",
    customerEmail: "owner@acme.example",
    clientReferenceId: null,
    settings: {},
    wanted: "active",
    wantedReason: null,
    generation: 1,
    observedGeneration: 1,
    state: "active",
    convergedState: "active",
    stateReason: null,
    stateDetail: null,
    claimed: true,
    attempts: 0,
    retryAt: null,
    paused: false,
    graceUntil: null,
    deleteAfter: null,
    tunnelId: "4f0c6a1e-0000-4000-8000-000000000001",
    tunnelUrl: "https://acme.odoo.example.com",
    tunnelActive: true,
    directUrl: "172.16.16.105:8069",
    stripeSyncedAt: null,
    createdAt: made,
    updatedAt: made,
    readyAt: made,
    deletedAt: null,
    appliedSecrets: { tunnel: 1, postgresRole: 1 },
    ...changes,
  };
}
