import { z } from "zod";
import { derivePassword } from "../../../components/tenant/secrets.ts";
import { recordAudit } from "../../audit/record.ts";
import { TenantIsDeleted } from "../../tenants/errors.ts";
import type { ApiDeps } from "../deps.ts";
import { ApiError } from "../problem.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { TenantId } from "./fields.ts";
import { tenantBody } from "./tenant-shapes.ts";
import { known } from "./tenants.ts";

const initialPassword = endpoint({
  route: "POST /api/tenants/{id}/initial-password",
  tag: "Tenants",
  summary: "Tell the first administrator's login and initial password",
  description:
    "Good until the customer has changed it, which this server cannot see. Every telling is a line of the audit log; the password itself is kept nowhere.",
  params: TenantId,
  secret: true,
  responses: {
    200: {
      description: "For the customer's eyes only.",
      schema: z.object({
        success: z.literal(true),
        url: z.string(),
        login: z.string(),
        password: z.string(),
        ready: z.boolean().meta({ description: "false: the tenant is not made yet, and will have this password." }),
      }),
    },
  },
});

export const initialPasswordEndpoints = [initialPassword];

export function initialPasswordRoutes(deps: ApiDeps): BoundEndpoint[] {
  return [
    bind(initialPassword, async ({ params, by, requestId }) => {
      const tenant = await known(deps, params.id);
      if (tenant.wanted === "deleted" || tenant.state === "deleted") throw new TenantIsDeleted(tenant.id);
      const platform = await deps.platform();
      const { masterKeySince: since, formerMasterKey: former } = platform;
      const { readyAt } = tenant;
      if (readyAt !== null && (former !== undefined || (since !== undefined && readyAt < new Date(since))))
        throw new ApiError(
          409,
          "MasterKeyReplaced",
          "Not known any more",
          `Tenant ${tenant.id} was made before the master key was replaced, from which its first password was derived.`,
          { field: "id", remedy: "Set another one on the tenant's host: docs/lifecycle.md, First login." },
        );
      // Told only once the line is written: who has seen a password stands in the log.
      await deps.database.transaction((tx) =>
        recordAudit(tx, {
          actor: by.name,
          source: by.source,
          requestId,
          action: "tenant.initial-password",
          subjectType: "tenant",
          subjectId: String(tenant.id),
          after: { login: tenant.customerEmail },
        }),
      );
      return {
        status: 200,
        body: {
          success: true,
          url: tenantBody(tenant, platform).url,
          login: tenant.customerEmail,
          password: derivePassword(platform.masterKey, tenant.subdomain, "odoo-admin"),
          ready: tenant.readyAt !== null,
        },
      };
    }),
  ];
}
