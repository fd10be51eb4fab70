import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import helmet from "helmet";
import type { Logger } from "pino";
import type { ApiDeps } from "./deps.ts";
import { cors } from "./http/cors.ts";
import { bind, type BoundEndpoint } from "./http/endpoint.ts";
import { loggedError, logRequests } from "./http/logging.ts";
import { mount } from "./http/mount.ts";
import { rateLimits } from "./http/rate-limits.ts";
import { assignRequestId, requestIdOf } from "./http/request-id.ts";
import { traceRequests } from "./http/tracing.ts";
import { openapiEndpoint } from "./openapi/all-endpoints.ts";
import { openApiDocument } from "./openapi/document.ts";
import { referencePage } from "./openapi/reference-page.ts";
import { VERSION } from "./openapi/version.ts";
import { ApiError, toProblem } from "./problem.ts";
import { auditRoutes } from "./resources/audit.ts";
import { eventRoutes } from "./resources/events.ts";
import { hostRoutes } from "./resources/hosts.ts";
import { healthRoutes } from "./resources/health.ts";
import { initialPasswordRoutes } from "./resources/initial-password.ts";
import { operationRoutes } from "./resources/operations.ts";
import { overviewRoutes } from "./resources/overview.ts";
import { queueRoutes } from "./resources/queue.ts";
import { retryRoutes } from "./resources/retries.ts";
import { rotationRoutes } from "./resources/rotations.ts";
import { secretRoutes } from "./resources/secrets.ts";
import { taskRoutes } from "./resources/tasks.ts";
import { tenantActionRoutes } from "./resources/tenant-actions.ts";
import { tenantRoutes } from "./resources/tenants.ts";
import { tunnelLogRoutes } from "./resources/tunnel-logs.ts";
import { tunnelStatusRoutes } from "./resources/tunnel-status.ts";
import { tunnelActionRoutes } from "./resources/tunnel-actions.ts";
import { tunnelRoutes } from "./resources/tunnels.ts";

/** The whole HTTP side: Stripe's webhook, the REST API, its reference, and the dashboard's pages. Listens nowhere. */
export function createApp(deps: ApiDeps): Express {
  const { settings, log, database, verify } = deps;
  const app = express();
  app.disable("x-powered-by").disable("etag");
  app.set("query parser", "simple").set("trust proxy", settings.trustProxy);
  const limits = rateLimits(settings);

  app.use(assignRequestId, traceRequests, logRequests(log), deps.metrics.timeRequests);
  // Whether plain HTTP may be used is the address's business (listen.ts): on loopback there is nothing to upgrade to.
  app.use(
    helmet({ contentSecurityPolicy: { directives: { "upgrade-insecure-requests": null } } }),
    cors(settings.corsOrigins),
  );

  // Before the body is parsed: its signature is over the raw bytes.
  app.use("/webhook", label("POST /webhook/stripe"));
  app.use(deps.webhook);
  app.use("/webhook", limits.webhookFailures);

  mount(app, endpoints(deps), {
    verify,
    limits,
    database,
    requestTimeout: settings.requestTimeout,
    maxWait: settings.maxWait,
  });
  // Pages, and whatever is asked for that is not there.
  app.use(async (req, res, next) => {
    await limits.requests(req, res);
    next();
  });
  app.use(referencePage());
  if (deps.dashboard !== undefined) app.use(deps.dashboard);
  app.get("/", (_req, res) => res.redirect("/docs"));
  app.use(nothingHere);
  app.use(problems(log));
  return app;
}

function endpoints(deps: ApiDeps): BoundEndpoint[] {
  // Made for whoever asks first: it takes a tenth of a second.
  let document: Record<string, unknown> | undefined;
  return [
    ...tenantRoutes(deps),
    ...tenantActionRoutes(deps),
    ...initialPasswordRoutes(deps),
    ...tunnelRoutes(deps),
    ...tunnelActionRoutes(deps),
    ...tunnelStatusRoutes(deps),
    ...tunnelLogRoutes(deps),
    ...operationRoutes(deps),
    ...overviewRoutes(deps),
    ...eventRoutes(deps),
    ...taskRoutes(deps),
    ...queueRoutes(deps),
    ...retryRoutes(deps),
    ...rotationRoutes(deps),
    ...hostRoutes(deps),
    ...secretRoutes(deps),
    ...auditRoutes(deps),
    ...healthRoutes(deps),
    bind(openapiEndpoint, async () => ({
      status: 200,
      body: (document ??= openApiDocument(VERSION) as unknown as Record<string, unknown>),
    })),
  ];
}

function label(route: string): RequestHandler {
  return (_req, res, next) => {
    res.locals["route"] = route;
    next();
  };
}

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

const nothingHere: RequestHandler = (req) => {
  if (!METHODS.has(req.method))
    throw new ApiError(501, "NotImplemented", "Not implemented", `This server has no ${req.method}.`);
  throw new ApiError(404, "NotFound", "Not found", `There is nothing at ${req.path}.`, {
    remedy: "/docs lists what there is.",
  });
};

/** The one place where errors become answers. */
function problems(log: Logger): ErrorRequestHandler {
  return (error: unknown, _req, res, _next) => {
    const requestId = requestIdOf(res);
    const { problem, headers, unexpected } = toProblem(error, requestId);
    if (unexpected || problem.status >= 500)
      log.error({ requestId, status: problem.status, err: loggedError(error) }, "request failed");
    if (res.headersSent) return void res.destroy();
    res.status(problem.status).set(headers).type("application/problem+json").send(JSON.stringify(problem));
  };
}
