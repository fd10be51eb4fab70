import {
  OpenApiGeneratorV31,
  OpenAPIRegistry,
  type ResponseConfig,
  type RouteConfig,
} from "@asteasolutions/zod-to-openapi";
import { z } from "zod";
import { ACCESS } from "../access.ts";
import { type Endpoint, type RequestHeader, type ResponseHeader, splitRoute } from "../http/endpoint.ts";
import { Problem } from "../problem.ts";
import { ALL_ENDPOINTS } from "./all-endpoints.ts";

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31["generateDocument"]>;

const REQUEST_HEADERS: Readonly<Record<RequestHeader | "Idempotency-Key", z.ZodType>> = {
  "If-Match": z
    .string()
    .optional()
    .meta({ description: "ETag of the answer this change is based on; 412 when the wish has changed since." }),
  Prefer: z
    .string()
    .optional()
    .meta({ description: "wait=N: answer when it is done, or after N seconds.", example: "wait=60" }),
  "Last-Event-ID": z.string().optional().meta({ description: "Of a live stream: the last event that was seen." }),
  "Idempotency-Key": z.string().max(255).optional().meta({
    description:
      "The same key and body get the same answer for 24 hours; another body is 422, a repeat while the first runs 409.",
  }),
};

const RESPONSE_HEADERS: Readonly<Record<ResponseHeader, string>> = {
  Location: "Where the result, or the operation on the way to it, is.",
  ETag: "For If-Match.",
  Link: 'The next page, rel="next".',
  "Preference-Applied": "The wait that was granted.",
};

/** The whole API as OpenAPI 3.1, from the schemas that check its requests. */
export function openApiDocument(version: string): OpenApiDocument {
  const registry = new OpenAPIRegistry();
  registry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description:
      "A token with a role: viewer, operator or admin. Make one with: npm run cli -- token create --role viewer --sub you --expires 1h",
  });
  for (const endpoint of ALL_ENDPOINTS) registry.registerPath(pathOf(endpoint));
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: "3.1.0",
    info: {
      title: "Odoo tenants",
      version,
      description: "Tenants, their tunnels and everything that happens to them. How to call it: docs/api.md.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
  });
}

function pathOf(endpoint: Endpoint): RouteConfig {
  const { method, path } = splitRoute(endpoint.route);
  const needed = ACCESS[endpoint.route];
  const accepts = [
    ...endpoint.accepts,
    ...(method === "post" && needed !== "public" && !endpoint.secret ? (["Idempotency-Key"] as const) : []),
  ];
  const notes = [endpoint.description, needed === "public" ? undefined : `Role: ${needed}.`].filter(
    (note) => note !== undefined,
  );
  return {
    method,
    path,
    operationId: operationId(method, path),
    tags: [endpoint.tag],
    summary: endpoint.summary,
    ...(notes.length > 0 && { description: notes.join("\n\n") }),
    security: needed === "public" ? [] : [{ token: [] }],
    ...(needed !== "public" && { "x-required-role": needed }),
    request: {
      ...(endpoint.params !== undefined && { params: endpoint.params }),
      ...(endpoint.query !== undefined && { query: endpoint.query }),
      ...(accepts.length > 0 && {
        headers: z.object(Object.fromEntries(accepts.map((name) => [name, REQUEST_HEADERS[name]]))),
      }),
      ...(endpoint.body !== undefined && {
        body: {
          required: !endpoint.body.safeParse({}).success,
          content: { "application/json": { schema: endpoint.body } },
        },
      }),
    },
    responses: {
      ...responsesOf(endpoint),
      default: {
        description: "Refused or failed: RFC 9457.",
        content: { "application/problem+json": { schema: Problem } },
      },
    },
  };
}

function responsesOf({ responses }: Endpoint): Record<string, ResponseConfig> {
  const entries = Object.entries(responses).map(
    ([status, { description, schema, mediaType = "application/json", headers }]): [string, ResponseConfig] => [
      status,
      {
        description,
        ...(schema !== undefined && { content: { [mediaType]: { schema } } }),
        ...(headers !== undefined && {
          headers: Object.fromEntries(
            headers.map((name) => [name, { description: RESPONSE_HEADERS[name], schema: { type: "string" as const } }]),
          ),
        }),
      },
    ],
  );
  // A refusal that is documented by its own words has the common body.
  return Object.fromEntries(
    entries.map(([status, config]) =>
      Number(status) >= 400 && config.content === undefined
        ? [status, { ...config, content: { "application/problem+json": { schema: Problem } } }]
        : [status, config],
    ),
  );
}

/** `GET /api/tenants/{id}/config` is getTenantsConfig. */
function operationId(method: string, path: string): string {
  const words = path
    .replace(/^\/api\//, "/")
    .split(/[/.{}_-]+/)
    .filter((word) => word !== "" && word !== "id");
  return (
    method +
    words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("") +
    (path.endsWith("{id}") ? "ById" : "")
  );
}
