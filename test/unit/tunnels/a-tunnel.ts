import type { StandaloneTunnel } from "../../../automation/tunnels/standalone-tunnels.ts";

/** A container's own tunnel that is just requested. */
export function aTunnel(changes: Partial<StandaloneTunnel> = {}): StandaloneTunnel {
  const made = new Date("2026-01-01T00:00:00Z");
  return {
    id: 3,
    subscriptionId: "sub_9",
    containerId: 105,
    localPort: 8080,
    label: "shop",
    tunnelId: null,
    tunnelUrl: null,
    tunnelActive: false,
    directUrl: null,
    settings: {},
    appliedSecrets: { tunnel: 1, postgresRole: 1 },
    wanted: "active",
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
    createdAt: made,
    updatedAt: made,
    readyAt: null,
    deletedAt: null,
    unlockBefore: null,
    ...changes,
  };
}
