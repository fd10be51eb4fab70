import type { Tenant } from "../../tenants/tenant.ts";
import { ApiError } from "../problem.ts";

/**
 * The entity tag of a tenant, or of a container's own tunnel: the generation of its wish, and when anything of the row
 * last changed. The second part keeps caches honest while the state moves on; a change is held to the first part only,
 * because what was merely observed meanwhile is no reason to refuse it.
 */
export function generationTag(tenant: Pick<Tenant, "generation" | "updatedAt">): string {
  return `"${tenant.generation}.${tenant.updatedAt.getTime().toString(36)}"`;
}

/** The generation that `If-Match` names; undefined without one or with `*`. Throws 400 for what no answer of ours said. */
export function expectedGeneration(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === "*") return undefined;
  const generation = /^\s*"(\d{1,15})(\.[0-9a-z]+)?"\s*$/.exec(header)?.[1];
  if (generation !== undefined) return Number(generation);
  throw new ApiError(400, "InvalidRequest", "Invalid request", "If-Match is not an ETag of an answer of ours.", {
    field: "If-Match",
    remedy: 'Send the ETag of the answer that the change is based on, such as "3.m1x2y3".',
  });
}
