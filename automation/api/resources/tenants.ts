import { z } from "zod";
import { hostname } from "../../../components/tenant/names.ts";
import { Subdomain } from "../../../components/tenant/subdomain.ts";
import { Priority } from "../../queue/queue.ts";
import { noticePaidDeletion } from "../../stripe/paid-deletion.ts";
import { UnknownTenant } from "../../tenants/errors.ts";
import type { Tenant, TenantExtras } from "../../tenants/tenant.ts";
import type { WishChange } from "../../tenants/tenants.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { expectedGeneration, generationTag } from "../http/generation-tag.ts";
import { AcceptedBody, acceptedResponses, acceptOnce, answerAccepted } from "./accepted.ts";
import {
  ContainerId,
  Cursor,
  Flag,
  HostNumber,
  Limit,
  LocalPort,
  nextLink,
  SubscriptionId,
  TenantId,
  wordList,
} from "./fields.ts";
import { STATES, TenantBody, tenantBody } from "./tenant-shapes.ts";

const CustomDomains = z
  .array(z.string().regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/, "must be a host name in lower case"))
  .max(20)
  .meta({ example: ["erp.acme.example"], description: "The customer's own, each with its CNAME set by the customer." });
const CompanyName = z.string().min(1).max(200).meta({ example: "Acme SARL" });
const Language = z
  .string()
  .regex(/^[a-z]{2,3}(_[A-Z]{2})?$/, "must be an Odoo language code such as fr_FR")
  .meta({ example: "fr_FR" });
const Country = z
  .string()
  .regex(/^[A-Z]{2}$/, "must be a country code of two capitals (ISO 3166-1)")
  .meta({ example: "FR" });
const PlanType = z.string().min(1).max(40).meta({ example: "starter", description: "A plan of GET /api/plans." });

export const NewTenantBody = z
  .strictObject({
    subscription_id: SubscriptionId.optional(),
    subdomain: Subdomain.meta({ example: "acme" }),
    plan_type: PlanType,
    container_id: ContainerId.optional().meta({ description: "Host to live on. Default: the one with the most room." }),
    local_port: LocalPort.optional().meta({ description: "Odoo's port on the host. Default: the host's own." }),
    customer_email: z
      .email()
      .optional()
      .meta({ description: "Login of the first administrator. Default: admin@<subdomain>.<domain>." }),
    customer_id: z.string().min(1).max(255).optional().meta({ example: "cus_PqRsT", description: "Stripe's." }),
    client_reference_id: z.string().min(1).max(255).optional().meta({ example: "order-1729" }),
    company_name: CompanyName.optional(),
    language: Language.optional(),
    country: Country.optional(),
    custom_domains: CustomDomains.optional(),
  })
  .meta({ id: "NewTenant" });

export const TenantChange = z
  .strictObject({
    plan_type: PlanType.optional(),
    local_port: LocalPort.nullable().optional(),
    customer_email: z.email().optional(),
    company_name: CompanyName.nullable().optional(),
    language: Language.nullable().optional(),
    country: Country.nullable().optional(),
    custom_domains: CustomDomains.nullable().optional(),
  })
  .refine((change) => Object.keys(change).length > 0, { error: "must change at least one field" })
  .meta({ id: "TenantChange" });

const list = endpoint({
  route: "GET /api/tenants",
  tag: "Tenants",
  summary: "List tenants",
  query: z.strictObject({
    search: z
      .string()
      .max(200)
      .optional()
      .meta({ description: "Part of subdomain, customer's address or subscription." }),
    subdomain: z.string().max(63).optional().meta({ description: "Exactly this one, and not deleted." }),
    state: wordList(STATES).meta({ description: "One or more, comma separated.", example: "failed,stalled" }),
    plan: z.string().max(200).optional().meta({ description: "One or more, comma separated." }),
    container_id: HostNumber.optional(),
    include_deleted: Flag.optional(),
    sort: z
      .enum(["id", "-id", "subdomain", "-subdomain", "created_at", "-created_at", "updated_at", "-updated_at"])
      .default("id")
      .meta({ description: "A leading - reverses." }),
    cursor: Cursor,
    limit: Limit(1_000, 50),
  }),
  responses: {
    200: {
      description: "A page of tenants.",
      schema: z.object({
        success: z.literal(true),
        total: z.int(),
        tenants: z.array(TenantBody),
        next_cursor: z.string().nullable(),
      }),
      headers: ["Link"],
    },
  },
});

const create = endpoint({
  route: "POST /api/tenants",
  tag: "Tenants",
  summary: "Request a tenant",
  description:
    "Recorded at once and provisioned by a worker. `Prefer: wait=60` answers with the finished tenant (201).",
  body: NewTenantBody,
  accepts: ["Prefer"],
  responses: {
    201: {
      description: "Finished: it answers through its tunnel.",
      schema: AcceptedBody,
      headers: ["Location", "ETag", "Preference-Applied"],
    },
    202: acceptedResponses[202],
  },
});

const read = endpoint({
  route: "GET /api/tenants/{id}",
  tag: "Tenants",
  summary: "Read a tenant",
  params: TenantId,
  responses: {
    200: {
      description: "The tenant.",
      schema: z.object({ success: z.literal(true), tenant: TenantBody }),
      headers: ["ETag"],
    },
  },
});

const change = endpoint({
  route: "PATCH /api/tenants/{id}",
  tag: "Tenants",
  summary: "Change a tenant",
  description: "Its plan, for one. Absent fields stay; null removes.",
  params: TenantId,
  body: TenantChange,
  accepts: ["If-Match", "Prefer"],
  responses: acceptedResponses,
});

const remove = endpoint({
  route: "DELETE /api/tenants/{id}",
  tag: "Tenants",
  summary: "Delete a tenant",
  description:
    "A verified backup is made first; then connector, tunnel, record, database, role and files go. Without a way back. The subscription is not ended: `notice` says so where it goes on, and a task stays open until it has ended.",
  params: TenantId,
  accepts: ["If-Match", "Prefer"],
  responses: acceptedResponses,
});

export const tenantEndpoints = [list, create, read, change, remove];

export function tenantRoutes(deps: ApiDeps): BoundEndpoint[] {
  const { tenants } = deps;
  return [
    bind(list, async ({ query, req }) => {
      const platform = await deps.platform();
      const page =
        query.subdomain === undefined
          ? await tenants.list(asQuery(query))
          : onePage(await tenants.bySubdomain(query.subdomain));
      return {
        status: 200,
        headers: nextLink(req.originalUrl, page.nextCursor),
        body: {
          success: true,
          total: page.total,
          tenants: page.items.map((tenant) => tenantBody(tenant, platform)),
          next_cursor: page.nextCursor ?? null,
        },
      };
    }),

    bind(create, async (call) => {
      const { subdomain, ...input } = call.body;
      const { domain } = await deps.platform();
      const accepted = await acceptOnce(call, deps, (once) =>
        tenants.request(
          {
            subdomain,
            planType: input.plan_type,
            customerEmail: input.customer_email ?? `admin@${hostname(subdomain, domain)}`,
            settings: extras(input) as TenantExtras,
            ...(input.container_id !== undefined && { containerId: input.container_id }),
            ...(input.local_port !== undefined && { localPort: input.local_port }),
            ...(input.subscription_id !== undefined && { subscriptionId: input.subscription_id }),
            ...(input.customer_id !== undefined && { customerId: input.customer_id }),
            ...(input.client_reference_id !== undefined && { clientReferenceId: input.client_reference_id }),
          },
          call.by,
          { ...once, priority: Priority.customer },
        ),
      );
      const answer = await answerAccepted(accepted, call, deps);
      if (answer.status === 202) return answer;
      return { ...answer, status: 201, headers: { ...answer.headers, location: `/api/tenants/${accepted.tenant.id}` } };
    }),

    bind(read, async ({ params }) => {
      const tenant = await known(deps, params.id);
      return {
        status: 200,
        headers: { etag: generationTag(tenant) },
        body: { success: true, tenant: tenantBody(tenant, await deps.platform()) },
      };
    }),

    bind(change, async (call) => {
      const { body } = call;
      const wish: WishChange = {
        ...(body.plan_type !== undefined && { planType: body.plan_type }),
        ...(body.local_port !== undefined && { localPort: body.local_port }),
        ...(body.customer_email !== undefined && { customerEmail: body.customer_email }),
        settings: extras(body),
      };
      return answerAccepted(
        await tenants.changeWish(call.params.id, wish, call.by, ifMatch(call.req.get("if-match"))),
        call,
        deps,
      );
    }),

    bind(remove, async (call) => {
      const wish: WishChange = { wanted: "deleted", wantedReason: "operator" };
      const { accepted, notice } = await deps.database.transaction(async (tx) => {
        const options = { ...ifMatch(call.req.get("if-match")), tx };
        const changed = await tenants.changeWish(call.params.id, wish, call.by, options);
        return { accepted: changed, notice: await noticePaidDeletion(tx, changed.tenant, call.by) };
      });
      const answer = await answerAccepted(accepted, call, deps);
      return notice === undefined ? answer : { ...answer, body: { ...answer.body, notice } };
    }),
  ];
}

export function ifMatch(header: string | undefined): { expectedGeneration?: number } {
  const expected = expectedGeneration(header);
  return expected === undefined ? {} : { expectedGeneration: expected };
}

/** Throws UnknownTenant (404). */
export async function known(deps: Pick<ApiDeps, "tenants">, id: number): Promise<Tenant> {
  const tenant = await deps.tenants.get(id);
  if (tenant === undefined) throw new UnknownTenant(id);
  return tenant;
}

type Extras = Pick<z.output<typeof TenantChange>, "company_name" | "language" | "country" | "custom_domains">;

function extras(input: Extras): NonNullable<WishChange["settings"]> {
  return {
    ...(input.company_name !== undefined && { companyName: input.company_name }),
    ...(input.language !== undefined && { language: input.language }),
    ...(input.country !== undefined && { country: input.country }),
    ...(input.custom_domains !== undefined && { customDomains: input.custom_domains }),
  };
}

const SORTS = { id: "id", subdomain: "subdomain", created_at: "createdAt", updated_at: "updatedAt" } as const;

function asQuery(query: z.output<typeof list.query>): NonNullable<Parameters<ApiDeps["tenants"]["list"]>[0]> {
  return {
    sort: SORTS[query.sort.replace("-", "") as keyof typeof SORTS],
    descending: query.sort.startsWith("-"),
    limit: query.limit,
    ...(query.search !== undefined && { search: query.search }),
    ...(query.state !== undefined && { states: query.state }),
    ...(query.plan !== undefined && { plans: query.plan.split(",") }),
    ...(query.container_id !== undefined && { containerId: query.container_id }),
    ...(query.include_deleted !== undefined && { includeDeleted: query.include_deleted }),
    ...(query.cursor !== undefined && { cursor: query.cursor }),
  };
}

function onePage(tenant: Tenant | undefined): { items: Tenant[]; total: number; nextCursor: undefined } {
  return { items: tenant === undefined ? [] : [tenant], total: tenant === undefined ? 0 : 1, nextCursor: undefined };
}
