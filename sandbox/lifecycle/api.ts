import { createSecretKey } from "node:crypto";
import { SignJWT } from "jose";
import type { Instance } from "../instance.ts";
import type { InstanceSecrets } from "./secrets.ts";

/** As the server's own tokens have them: automation/api/auth/tokens.ts. */
const ISSUER = "odoosaas";
const AUDIENCE = "odoosaas-api";

/** The part of the API's tenant that the sandbox shows. */
export interface ApiTenant {
  id: number;
  subdomain: string;
  url: string;
  customer_email: string;
  state: string;
  state_reason: string | null;
  state_detail: string | null;
}

/** The part of the API's task that the sandbox shows. */
export interface ApiTask {
  id: number;
  kind: string;
  detail: string;
}

export function apiUrl(instance: Instance): string {
  return `http://127.0.0.1:${instance.ports.api}`;
}

/** A token of the sandbox's own administrator. */
export async function apiToken(secrets: InstanceSecrets, expires = "12h"): Promise<string> {
  return await new SignJWT({ role: "admin" })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject("sandbox")
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(createSecretKey(secrets.jwtSecret, "utf8"));
}

/** Asks the instance's server. Throws with its answer unless that is a success. */
export async function askApi(instance: Instance, secrets: InstanceSecrets, path: string): Promise<unknown> {
  const response = await fetch(`${apiUrl(instance)}${path}`, {
    headers: { authorization: `Bearer ${await apiToken(secrets, "5m")}` },
    signal: AbortSignal.timeout(10_000),
  });
  const body = await response.text();
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${body.slice(0, 500)}`);
  return JSON.parse(body) as unknown;
}

/** What waits for a person, the newest first. */
export async function openTasks(instance: Instance, secrets: InstanceSecrets): Promise<ApiTask[]> {
  return ((await askApi(instance, secrets, "/api/tasks?limit=100")) as { tasks: ApiTask[] }).tasks;
}

/** All tenants that are not deleted. */
export async function listTenants(instance: Instance, secrets: InstanceSecrets): Promise<ApiTenant[]> {
  const tenants: ApiTenant[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const query = new URLSearchParams({ limit: "100", ...(cursor && { cursor }) });
    const page = (await askApi(instance, secrets, `/api/tenants?${query.toString()}`)) as {
      tenants: ApiTenant[];
      next_cursor?: string | null;
    };
    tenants.push(...page.tenants.filter(({ state }) => state !== "deleted"));
    cursor = page.next_cursor ?? null;
  }
  return tenants;
}
