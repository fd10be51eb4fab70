import { z } from "zod";
import { isFinished, type Operation } from "../../tenants/operation.ts";
import type { Accepted, ChangeOptions, Tenants } from "../../tenants/tenants.ts";
import type { ApiDeps } from "../deps.ts";
import type { Call } from "../http/endpoint.ts";
import { generationTag } from "../http/generation-tag.ts";
import { ApiError } from "../problem.ts";
import { linkOf, OperationLink, operationUrl } from "./operation-shapes.ts";
import { TenantBody, tenantBody } from "./tenant-shapes.ts";

export const AcceptedBody = z
  .object({
    success: z.literal(true),
    tenant: TenantBody,
    operation: OperationLink.optional(),
    notice: z.string().optional().meta({ description: "What is left to be done by a person." }),
  })
  .meta({ id: "Accepted" });

/** The two ways an accepted change is answered: already done (or nothing to do), and under way. */
export function acceptedAs<S extends z.ZodType>(schema: S) {
  return {
    200: { description: "Done.", schema, headers: ["ETag", "Preference-Applied"] },
    202: {
      description: "Under way: Location is the operation's URL. Ask it, stream its events, or send `Prefer: wait=N`.",
      schema,
      headers: ["Location", "ETag", "Preference-Applied"],
    },
  } as const;
}

export const acceptedResponses = acceptedAs(AcceptedBody);

type Answer<S extends number> = { status: S; body: z.input<typeof AcceptedBody>; headers: Record<string, string> };

/** Carries a change out once for an Idempotency-Key: a repeat of one that was accepted but not answered goes on with it. */
export async function acceptOnce(
  call: Pick<Call, "acceptance">,
  { tenants }: Pick<ApiDeps, "tenants">,
  change: (options: ChangeOptions) => Promise<Accepted>,
): Promise<Accepted> {
  return goingOn(call, tenants, change, async (operation) => {
    const tenant = operation.tenantId === null ? undefined : await tenants.get(operation.tenantId);
    return tenant && { tenant, operation };
  });
}

/** The same for whatever has operations: `earlier` finds what one belongs to. */
export async function goingOn<A>(
  { acceptance }: Pick<Call, "acceptance">,
  tenants: Pick<Tenants, "operation">,
  change: (options: Pick<ChangeOptions, "accepted">) => Promise<A>,
  earlier: (operation: Operation) => Promise<A | undefined>,
): Promise<A> {
  if (acceptance === undefined) return change({});
  const operation = acceptance.operationId === undefined ? undefined : await tenants.operation(acceptance.operationId);
  return (operation && (await earlier(operation))) ?? change({ accepted: acceptance.remember });
}

/**
 * Answers an accepted change: 202 at once, or with `Prefer: wait=N` once it is done. Throws 502 when the operation
 * failed within that time; the tenant stays and can be retried.
 */
export async function answerAccepted(
  accepted: Accepted,
  call: Pick<Call, "waitSeconds" | "signal">,
  deps: ApiDeps,
): Promise<Answer<200> | Answer<202>> {
  const platform = await deps.platform();
  const waited = accepted.operation && (await awaited(accepted.operation, call, deps));
  const tenant =
    waited === accepted.operation ? accepted.tenant : ((await deps.tenants.get(accepted.tenant.id)) ?? accepted.tenant);
  const headers = { etag: generationTag(tenant), ...preferenceApplied(call) };
  const body = { success: true as const, tenant: tenantBody(tenant, platform) };
  if (waited === undefined) return { status: 200, body, headers };
  refuseFailed(waited, tenant.retryAt, `/api/tenants/${tenant.id}/retry`);
  const operation = linkOf(waited);
  if (isFinished(waited)) return { status: 200, body: { ...body, operation }, headers };
  return { status: 202, body: { ...body, operation }, headers: { ...headers, location: operation.url } };
}

export function preferenceApplied({ waitSeconds }: Pick<Call, "waitSeconds">): Record<string, string> {
  return waitSeconds === undefined ? {} : { "preference-applied": `wait=${waitSeconds}` };
}

/** The operation as it is when the caller has waited for it as long as it wanted to. */
export async function awaited(
  operation: Operation,
  { waitSeconds, signal }: Pick<Call, "waitSeconds" | "signal">,
  deps: Pick<ApiDeps, "tenants" | "standaloneTunnels">,
): Promise<Operation> {
  return waitSeconds === undefined ? operation : finished(operation, deps, waitSeconds * 1_000, signal);
}

/** A superseded operation's work is done by the newer one, so the wait goes on with that. */
async function finished(
  operation: Operation,
  { tenants, standaloneTunnels }: Pick<ApiDeps, "tenants" | "standaloneTunnels">,
  withinMs: number,
  signal: AbortSignal,
): Promise<Operation> {
  const deadline = Date.now() + withinMs;
  let current = operation;
  try {
    for (;;) {
      current = await tenants.waitForOperation(current.id, Math.max(0, deadline - Date.now()), signal);
      if (current.status !== "superseded") return current;
      const { tenantId, standaloneTunnelId } = current;
      const latest =
        tenantId === null
          ? await standaloneTunnels.operations(standaloneTunnelId ?? 0, 10)
          : (await tenants.operations(tenantId, { limit: 10 })).items;
      const newer = latest.findLast(({ id, kind }) => id > current.id && kind !== "preview");
      if (newer === undefined) return current;
      current = newer;
    }
  } catch (error) {
    // The change itself is accepted and recorded: that it could not be waited for is no reason to answer otherwise.
    if (signal.aborted) throw error;
    return current;
  }
}

/** Throws 502 when it has failed: what was asked for stays, and can be tried again. */
export function refuseFailed(operation: Operation, retryAt: Date | null, retry: string): void {
  if (operation.status !== "failed" && operation.status !== "stalled") return;
  const again = retryAt === null ? "" : `It is tried again by itself at ${retryAt.toISOString()}. `;
  const detail = operation.error ?? `The operation ended as ${operation.status}.`;
  throw new ApiError(502, "OperationFailed", operation.status === "stalled" ? "Stalled" : "Failed", detail, {
    operation_url: operationUrl(operation.id),
    isOutcome: true,
    remedy: `${again}Look at the operation for the reason, then: POST ${retry}`,
  });
}
