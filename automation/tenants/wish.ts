import { isDeepStrictEqual } from "node:util";
import type { OperationKind } from "./operation.ts";
import type { StackRow } from "./stack-row.ts";
import type { Tenant, TenantExtras } from "./tenant.ts";
import type { WishColumns } from "./tenant-rows.ts";
import type { WishChange } from "./tenants.ts";

/** The wish after a change. Pure. */
export function changedWish(tenant: Tenant, change: WishChange): WishColumns {
  const or = <T>(changed: T | undefined, present: T): T => (changed === undefined ? present : changed);
  return {
    wanted: or(change.wanted, tenant.wanted),
    wantedReason: or(change.wantedReason, tenant.wantedReason),
    planType: or(change.planType, tenant.planType),
    localPort: or(change.localPort, tenant.localPort),
    customerEmail: or(change.customerEmail, tenant.customerEmail),
    customerId: or(change.customerId, tenant.customerId),
    subscriptionId: or(change.subscriptionId, tenant.subscriptionId),
    settings: mergedSettings(tenant.settings, change.settings ?? {}),
    graceUntil: or(change.graceUntil, tenant.graceUntil),
    deleteAfter: or(change.deleteAfter, tenant.deleteAfter),
    stripeSyncedAt: or(change.stripeSyncedAt, tenant.stripeSyncedAt),
  };
}

function mergedSettings(present: TenantExtras, change: NonNullable<WishChange["settings"]>): TenantExtras {
  const merged = Object.entries({ ...present, ...change }).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(merged);
}

/** Whether the stack is made from anything that differs; clocks and the customer's ids are not. */
export function needsRun(tenant: Tenant, wish: WishColumns): boolean {
  return (
    wish.wanted !== tenant.wanted ||
    wish.planType !== tenant.planType ||
    wish.localPort !== tenant.localPort ||
    wish.customerEmail !== tenant.customerEmail ||
    !isDeepStrictEqual(wish.settings, tenant.settings)
  );
}

/** What the next run will be, as far as can be told now. */
export function kindOfRun(tenant: StackRow): OperationKind {
  if (tenant.wanted === "deleted") return "delete";
  if (tenant.wanted === "suspended") return "suspend";
  if (tenant.readyAt === null) return "provision";
  return tenant.convergedState === "suspended" ? "resume" : "update";
}
