import type { Tenant } from "../../../automation/tenants/tenant.ts";

export function tunnelIdOf(tenantId: number): string {
  return `b6b1c8a4-6d6d-4f3e-9d2b-${String(tenantId).padStart(12, "0")}`;
}

export function aTenant(fields: Partial<Tenant>): Tenant {
  const now = new Date("2026-03-02T10:00:00Z");
  return {
    id: 1,
    subscriptionId: null,
    subdomain: "acme",
    planType: "shared",
    planSettings: null,
    containerId: 105,
    localPort: null,
    customerId: null,
    customerEmail: "boss@acme.example",
    clientReferenceId: null,
    settings: {},
    wanted: "active",
    wantedReason: null,
    generation: 1,
    observedGeneration: 0,
    state: "pending",
    convergedState: null,
    stateReason: null,
    stateDetail: null,
    claimed: false,
    attempts: 0,
    retryAt: null,
    paused: false,
    graceUntil: null,
    deleteAfter: null,
    tunnelId: null,
    tunnelUrl: null,
    tunnelActive: false,
    directUrl: null,
    stripeSyncedAt: null,
    createdAt: now,
    updatedAt: now,
    readyAt: null,
    deletedAt: null,
    unlockBefore: null,
    appliedSecrets: { tunnel: 1, postgresRole: 1 },
    ...fields,
  };
}
