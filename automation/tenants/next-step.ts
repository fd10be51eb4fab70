import type { StackRow } from "./stack-row.ts";
import type { TenantState } from "./tenant.ts";

/** What a reconcile does next with a tenant, or a container's own tunnel. */
export type Step =
  | { kind: "nothing"; because: "converged" | "paused" | "gone" | "parked" | "waiting" }
  | { kind: "provision" | "update" | "resume" | "suspend" | "delete"; during: TenantState; after: TenantState };

/** Pure. `now` decides whether a failed run's next try is due. */
export function nextStep(tenant: StackRow, now: Date): Step {
  if (tenant.state === "deleted") return { kind: "nothing", because: "gone" };
  if (tenant.observedGeneration >= tenant.generation) return { kind: "nothing", because: "converged" };
  if (tenant.paused) return { kind: "nothing", because: "paused" };
  if (tenant.state === "stalled" && tenant.attempts > 0) return { kind: "nothing", because: "parked" };
  if (tenant.retryAt !== null && tenant.retryAt > now) return { kind: "nothing", because: "waiting" };
  switch (tenant.wanted) {
    case "deleted":
      return { kind: "delete", during: "deleting", after: "deleted" };
    case "suspended":
      return { kind: "suspend", during: "suspending", after: "suspended" };
    case "active":
      if (tenant.readyAt === null) return { kind: "provision", during: "provisioning", after: "active" };
      if (tenant.convergedState === "suspended") return { kind: "resume", during: "provisioning", after: "active" };
      // Visitors are served all the while.
      return { kind: "update", during: tenant.state === "active" ? "active" : "provisioning", after: "active" };
    default:
      tenant.wanted satisfies never;
      throw new Error(`unknown wish: ${String(tenant.wanted)}`);
  }
}
