import { z } from "zod";
import { isFinished, type Operation } from "../../tenants/operation.ts";
import type { ChangeOptions } from "../../tenants/tenants.ts";
import type { ApiDeps } from "../deps.ts";
import type { Call } from "../http/endpoint.ts";
import { awaited, preferenceApplied } from "./accepted.ts";
import { OperationBody, operationBody, operationUrl } from "./operation-shapes.ts";

const OneOperation = z.object({ success: z.literal(true), operation: OperationBody });

/** How a preview of a stack is answered. */
export const previewResponses = {
  200: {
    description: "The preview: see `changes` and `resources`.",
    schema: OneOperation,
    headers: ["Preference-Applied"],
  },
  202: {
    description: "Under way: Location is the operation's URL.",
    schema: OneOperation,
    headers: ["Location", "Preference-Applied"],
  },
} as const;

type Answer<S extends number> = {
  status: S;
  body: z.input<typeof OneOperation>;
  headers: Record<string, string>;
};

/** Begins one, once for an Idempotency-Key, and answers as the caller wants to wait. */
export async function answerPreview(
  call: Pick<Call, "acceptance" | "waitSeconds" | "signal">,
  deps: ApiDeps,
  begin: (once: Pick<ChangeOptions, "accepted">) => Promise<Operation>,
): Promise<Answer<200> | Answer<202>> {
  const { acceptance } = call;
  const begun = acceptance?.operationId;
  const asked =
    (begun === undefined ? undefined : await deps.tenants.operation(begun)) ??
    (await begin(acceptance ? { accepted: acceptance.remember } : {}));
  const operation = await awaited(asked, call, deps);
  const body = { success: true as const, operation: operationBody(operation) };
  const headers = preferenceApplied(call);
  if (isFinished(operation)) return { status: 200, body, headers };
  return { status: 202, body, headers: { ...headers, location: operationUrl(operation.id) } };
}
