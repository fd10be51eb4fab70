import type { Role } from "./auth/roles.ts";

/**
 * Who may do what: the one table that is enforced, shown in the OpenAPI document, and tested row by row.
 * `public` needs no token (Stripe signs its events instead); a role includes the ones below it. A route that is not
 * here cannot be mounted.
 */
export const ACCESS = {
  "GET /livez": "public",
  "GET /healthz": "public",
  "GET /readyz": "public",
  "GET /openapi.json": "public",
  "POST /webhook/stripe": "public",
  "GET /metrics": "viewer",

  "GET /api/tenants": "viewer",
  "POST /api/tenants": "operator",
  "GET /api/tenants/{id}": "viewer",
  "PATCH /api/tenants/{id}": "operator",
  "DELETE /api/tenants/{id}": "admin",
  "GET /api/tenants/{id}/config": "viewer",
  "GET /api/tenants/{id}/operations": "viewer",
  "POST /api/tenants/{id}/suspend": "operator",
  "POST /api/tenants/{id}/resume": "operator",
  "POST /api/tenants/{id}/retry": "operator",
  "POST /api/tenants/{id}/unlock": "operator",
  "POST /api/tenants/{id}/preview": "operator",
  "POST /api/retries": "operator",
  "POST /api/tenants/{id}/pause": "operator",
  "POST /api/tenants/{id}/unpause": "operator",
  "POST /api/tenants/{id}/rotate": "admin",
  "POST /api/tenants/{id}/initial-password": "admin",

  "GET /api/tunnels": "viewer",
  "POST /api/tunnels": "operator",
  "GET /api/tunnels/{id}": "viewer",
  "DELETE /api/tunnels/{id}": "admin",
  "GET /api/tunnels/{id}/status": "viewer",
  // Visitors' addresses may stand in a log.
  "GET /api/tunnels/{id}/logs": "operator",
  "POST /api/tunnels/{id}/restart": "operator",
  "POST /api/tunnels/{id}/retry": "operator",
  "POST /api/tunnels/{id}/unlock": "operator",
  "POST /api/tunnels/{id}/preview": "operator",
  "POST /api/tunnels/{id}/rotate": "admin",
  "GET /api/tunnels/subscription/{subscription_id}/tunnel": "viewer",

  "GET /api/operations": "viewer",
  "GET /api/operations/{id}": "viewer",
  "GET /api/operations/{id}/events": "viewer",

  "GET /api/plans": "viewer",
  "GET /api/dashboard/metrics": "viewer",
  "GET /api/tasks": "viewer",
  "POST /api/tasks/{id}/resolve": "operator",
  "GET /api/events": "viewer",
  // The event's body names the customer.
  "GET /api/events/{id}": "operator",
  "POST /api/events/{id}/replay": "operator",

  "GET /api/queue": "viewer",
  "POST /api/queue/pause": "admin",
  "POST /api/queue/unpause": "admin",
  "POST /api/queue/dead-letters/{id}/retry": "operator",

  "GET /api/rotations": "viewer",
  "POST /api/rotations": "admin",
  "POST /api/hosts/{id}/rotate": "admin",
  "GET /api/secrets": "admin",
  "POST /api/secrets/reload": "admin",

  "GET /api/audit": "operator",
  "GET /api/audit/verify": "admin",
} as const satisfies Record<string, Role | "public">;

export type RouteKey = keyof typeof ACCESS;
