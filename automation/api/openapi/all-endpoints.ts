import { z } from "zod";
import { type Endpoint, endpoint } from "../http/endpoint.ts";
import { auditEndpoints } from "../resources/audit.ts";
import { eventEndpoints } from "../resources/events.ts";
import { hostEndpoints } from "../resources/hosts.ts";
import { healthEndpoints } from "../resources/health.ts";
import { initialPasswordEndpoints } from "../resources/initial-password.ts";
import { operationEndpoints } from "../resources/operations.ts";
import { overviewEndpoints } from "../resources/overview.ts";
import { queueEndpoints } from "../resources/queue.ts";
import { retryEndpoints } from "../resources/retries.ts";
import { rotationEndpoints } from "../resources/rotations.ts";
import { secretEndpoints } from "../resources/secrets.ts";
import { taskEndpoints } from "../resources/tasks.ts";
import { tenantActionEndpoints } from "../resources/tenant-actions.ts";
import { tenantEndpoints } from "../resources/tenants.ts";
import { tunnelLogEndpoints } from "../resources/tunnel-logs.ts";
import { tunnelStatusEndpoints } from "../resources/tunnel-status.ts";
import { tunnelActionEndpoints } from "../resources/tunnel-actions.ts";
import { tunnelEndpoints } from "../resources/tunnels.ts";

/** Served by automation/stripe/webhook.ts, over the raw body; here for its documentation. */
const webhook = endpoint({
  route: "POST /webhook/stripe",
  tag: "Stripe events",
  summary: "Take an event from Stripe",
  description:
    "Signed by Stripe (header Stripe-Signature) over the raw body, at most 5 minutes old. A repeated event changes nothing.",
  body: z.record(z.string(), z.unknown()),
  responses: {
    200: { description: "Stored and queued, or known already.", schema: z.record(z.string(), z.unknown()) },
  },
});

const openapi = endpoint({
  route: "GET /openapi.json",
  tag: "Health",
  summary: "This document",
  responses: { 200: { description: "OpenAPI 3.1.", schema: z.record(z.string(), z.unknown()) } },
});

export const openapiEndpoint = openapi;

export const ALL_ENDPOINTS: readonly Endpoint[] = [
  ...tenantEndpoints,
  ...tenantActionEndpoints,
  ...initialPasswordEndpoints,
  ...tunnelEndpoints,
  ...tunnelActionEndpoints,
  ...tunnelStatusEndpoints,
  ...tunnelLogEndpoints,
  ...operationEndpoints,
  ...overviewEndpoints,
  ...eventEndpoints,
  ...taskEndpoints,
  ...queueEndpoints,
  ...retryEndpoints,
  ...rotationEndpoints,
  ...hostEndpoints,
  ...secretEndpoints,
  ...auditEndpoints,
  ...healthEndpoints,
  webhook,
  openapi,
];
