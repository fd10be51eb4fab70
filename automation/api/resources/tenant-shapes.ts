import { z } from "zod";
import { type PlatformSettings, publicUrl } from "../../../components/settings/platform-settings.ts";
import { databaseName, hostname, tunnelName } from "../../../components/tenant/names.ts";
import { guideTo, type ReasonKey, REASONS } from "../../tenants/reasons.ts";
import type { Tenant } from "../../tenants/tenant.ts";
import { iso, NullableTimestamp, Timestamp } from "./fields.ts";

export const WANTED = ["active", "suspended", "deleted"] as const;
export const STATES = [
  "pending",
  "provisioning",
  "active",
  "suspending",
  "suspended",
  "deleting",
  "deleted",
  "failed",
  "stalled",
] as const;
export const TUNNEL_STATES = ["pending", "active", "inactive"] as const;

export const TenantTunnel = z.object({
  tunnel_id: z
    .string()
    .nullable()
    .meta({ description: "Cloudflare's id; null until it is made.", example: "b6b1c8a4-6d6d-4f3e-9d2b-0d6e4b1c2a3f" }),
  tunnel_name: z.string().meta({ example: "acme-tunnel" }),
  status: z.enum(TUNNEL_STATES).meta({ description: "As last recorded; /api/tunnels/{id}/status asks both sides." }),
});

export const TenantBody = z
  .object({
    id: z.int().meta({ example: 7 }),
    subdomain: z.string().meta({ example: "acme" }),
    database: z.string().meta({ example: "acme" }),
    url: z.string().meta({ example: "https://acme.example.com" }),
    tunnel: TenantTunnel,
    subscription_id: z.string().nullable(),
    plan_type: z.string(),
    container_id: z.int(),
    local_port: z.int().nullable(),
    customer_email: z.string(),
    customer_id: z.string().nullable(),
    client_reference_id: z.string().nullable(),
    company_name: z.string().nullable(),
    language: z.string().nullable(),
    country: z.string().nullable(),
    custom_domains: z.array(z.string()),
    wanted: z.enum(WANTED).meta({ description: "What it should be." }),
    wanted_reason: z.string().nullable(),
    state: z.enum(STATES).meta({ description: "What it was last seen to be." }),
    state_reason: z.string().nullable(),
    state_detail: z.string().nullable(),
    next_step: z.string().nullable().meta({ description: "What to do about a failed or stalled tenant." }),
    guide: z.string().nullable().meta({ description: "Where the documentation tells more of it: page and section." }),
    attempts: z.int().meta({ description: "Failures in a row." }),
    retry_at: NullableTimestamp.meta({ description: "When it is tried again by itself." }),
    generation: z.int().meta({ description: "Grows with every change of the wish." }),
    observed_generation: z.int().meta({ description: "Generation that the tenant has reached." }),
    paused: z.boolean(),
    grace_until: NullableTimestamp,
    delete_after: NullableTimestamp,
    tunnel_id: z.string().nullable(),
    tunnel_url: z.string().nullable(),
    tunnel_active: z.boolean(),
    direct_url: z.string().nullable().meta({ example: "172.16.16.105:8069" }),
    created_at: Timestamp,
    updated_at: Timestamp,
    ready_at: NullableTimestamp,
    deleted_at: NullableTimestamp,
  })
  .meta({ id: "Tenant" });

export type PublicPlaces = Pick<PlatformSettings, "domain" | "publicUrl">;

export function tunnelState(tenant: Pick<Tenant, "tunnelId" | "tunnelActive">): (typeof TUNNEL_STATES)[number] {
  if (tenant.tunnelId === null) return "pending";
  return tenant.tunnelActive ? "active" : "inactive";
}

/** Where visitors find it, whether or not it is made yet. */
export function urlOf(tenant: Pick<Tenant, "subdomain" | "tunnelUrl">, platform: PublicPlaces): string {
  return tenant.tunnelUrl ?? publicUrl(platform, hostname(tenant.subdomain, platform.domain));
}

/** Reasons are kept as text; one of an older release may be unknown here. */
export function nextStepOf(reason: string | null): { next_step: string | null; guide: string | null } {
  if (reason === null || !Object.hasOwn(REASONS, reason)) return { next_step: null, guide: null };
  return { next_step: REASONS[reason as ReasonKey].remedy, guide: guideTo(reason as ReasonKey) };
}

export function tenantBody(tenant: Tenant, platform: PublicPlaces): z.infer<typeof TenantBody> {
  const { settings } = tenant;
  return {
    id: tenant.id,
    subdomain: tenant.subdomain,
    database: databaseName(tenant.subdomain),
    url: urlOf(tenant, platform),
    tunnel: { tunnel_id: tenant.tunnelId, tunnel_name: tunnelName(tenant.subdomain), status: tunnelState(tenant) },
    subscription_id: tenant.subscriptionId,
    plan_type: tenant.planType,
    container_id: tenant.containerId,
    local_port: tenant.localPort,
    customer_email: tenant.customerEmail,
    customer_id: tenant.customerId,
    client_reference_id: tenant.clientReferenceId,
    company_name: settings.companyName ?? null,
    language: settings.language ?? null,
    country: settings.country ?? null,
    custom_domains: [...(settings.customDomains ?? [])],
    wanted: tenant.wanted,
    wanted_reason: tenant.wantedReason,
    state: tenant.state,
    state_reason: tenant.stateReason,
    state_detail: tenant.stateDetail,
    ...nextStepOf(tenant.stateReason),
    attempts: tenant.attempts,
    retry_at: iso(tenant.retryAt),
    generation: tenant.generation,
    observed_generation: tenant.observedGeneration,
    paused: tenant.paused,
    grace_until: iso(tenant.graceUntil),
    delete_after: iso(tenant.deleteAfter),
    tunnel_id: tenant.tunnelId,
    tunnel_url: tenant.tunnelUrl,
    tunnel_active: tenant.tunnelActive,
    direct_url: tenant.directUrl,
    created_at: iso(tenant.createdAt),
    updated_at: iso(tenant.updatedAt),
    ready_at: iso(tenant.readyAt),
    deleted_at: iso(tenant.deletedAt),
  };
}
