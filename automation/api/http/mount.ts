import type { Express, Request, Response } from "express";
import { FieldError } from "../../../components/field-error.ts";
import type { Queryable } from "../../db/database.ts";
import { addLogFields, type LogFields } from "../../telemetry/log-fields.ts";
import { ACCESS } from "../access.ts";
import { authorise, callerOf } from "../auth/authenticate.ts";
import type { Caller } from "../auth/caller.ts";
import type { VerifyToken } from "../auth/tokens.ts";
import { ApiError, toProblem } from "../problem.ts";
import { readBody } from "./body.ts";
import { type AnyReply, type BoundEndpoint, type Call, splitRoute, STREAMED, type Streamed } from "./endpoint.ts";
import type { Acceptance } from "./acceptance.ts";
import { TokenExpired } from "./event-stream.ts";
import { type IdempotentRequest, once } from "./idempotency.ts";
import { waitPreference } from "./prefer.ts";
import type { RateLimits } from "./rate-limits.ts";
import { requestIdOf } from "./request-id.ts";
import { validate } from "./validate.ts";

export interface MountContext {
  readonly verify: VerifyToken;
  readonly limits: RateLimits;
  readonly database: Queryable;
  /** Seconds an endpoint may take, besides what the caller asked to wait. */
  readonly requestTimeout: number;
  /** Seconds. */
  readonly maxWait: number;
}

/** Asked for too often by machines, or too cheap, to be counted. */
const UNLIMITED: ReadonlySet<string> = new Set(["GET /livez", "GET /healthz", "GET /readyz"]);

/** Puts the endpoints on the app, each behind its row of the access table; other methods of the same path are 405. */
export function mount(app: Express, endpoints: readonly BoundEndpoint[], context: MountContext): void {
  const methods = new Map<string, string[]>();
  for (const bound of endpoints) {
    const { method, expressPath } = splitRoute(bound.endpoint.route);
    app[method](expressPath, (req, res) => answer(bound, req, res, context));
    methods.set(expressPath, [...(methods.get(expressPath) ?? []), method.toUpperCase()]);
  }
  for (const [path, allowed] of methods) {
    const allow = allowed.includes("GET") ? ["HEAD", ...allowed].join(", ") : allowed.join(", ");
    app.all(path, (req, res) => {
      if (req.method === "OPTIONS") return void res.set("allow", allow).status(204).end();
      throw new ApiError(405, "MethodNotAllowed", "Method not allowed", `${req.method} is not possible here.`, {
        remedy: `Use one of: ${allow}.`,
        headers: { allow },
      });
    });
  }
}

async function answer(bound: BoundEndpoint, req: Request, res: Response, context: MountContext): Promise<void> {
  const { route } = bound.endpoint;
  res.locals["route"] = route;
  if (req.path.startsWith("/api/")) res.set("cache-control", "no-store");
  const caller = await identified(bound, req, res, context);
  if (!UNLIMITED.has(route)) await context.limits.requests(req, res);
  if (caller !== undefined) authorise(caller, route);
  if (req.path.startsWith("/api/")) await readBody(req, res);
  const valid = validate(bound.endpoint, req);
  addLogFields(idsOf(route, req.params));

  const key = req.get("idempotency-key");
  const idempotent = req.method === "POST" && !bound.endpoint.secret && key !== undefined && caller !== undefined;
  const limit = timeLimit(res, context.requestTimeout, idempotent, caller?.expiresAt);
  const call: Call<unknown, unknown, unknown> = {
    ...valid,
    caller,
    by: {
      name: caller === undefined ? "anonymous" : `user:${caller.subject}`,
      ...(req.ip === undefined ? {} : { source: req.ip }),
      requestId: requestIdOf(res),
    },
    requestId: requestIdOf(res),
    waitSeconds: waitPreference(req.get("prefer"), context.maxWait),
    signal: limit.signal,
    allow: limit.extend,
    req,
    res,
  };
  if (call.waitSeconds !== undefined) limit.extend(call.waitSeconds + context.requestTimeout);
  const handle = (acceptance?: Acceptance): Promise<AnyReply | Streamed> =>
    Promise.race([bound.handle({ ...call, acceptance }), limit.over]);
  try {
    const reply = idempotent
      ? await once(
          context.database,
          keyed(req, caller, key, context),
          handle as (given: Acceptance) => Promise<AnyReply>,
          (error) => asReply(error, res),
        )
      : await handle();
    if (reply !== STREAMED) send(res, bound, reply);
  } finally {
    limit.done();
  }
}

/** What the path names, for the log. */
function idsOf(route: string, { id }: Request["params"]): LogFields {
  const number = Number(id);
  if (!Number.isSafeInteger(number)) return {};
  if (route.includes("/api/tenants/{id}")) return { tenantId: number };
  return route.includes("/api/operations/{id}") ? { operationId: number } : {};
}

function keyed(
  req: Request,
  caller: Caller,
  key: string,
  { maxWait, requestTimeout }: MountContext,
): IdempotentRequest {
  const { method, path } = req;
  return {
    identity: caller.subject,
    key,
    method,
    path,
    body: req.body as unknown,
    abandonedAfter: maxWait + 2 * requestTimeout,
  };
}

/** Undefined on public routes only. Throws 401, or 429 to who tries too many tokens. */
async function identified(
  bound: BoundEndpoint,
  req: Request,
  res: Response,
  { verify, limits }: MountContext,
): Promise<Caller | undefined> {
  if (ACCESS[bound.endpoint.route] === "public") return undefined;
  try {
    const caller = await callerOf(req.headers.authorization, verify);
    res.locals["caller"] = caller;
    return caller;
  } catch (error) {
    await (error instanceof ApiError && error.status === 401 ? limits.failedSignIns : limits.requests)(req, res);
    throw error;
  }
}

function send(res: Response, { endpoint }: BoundEndpoint, reply: AnyReply): void {
  const mediaType = endpoint.responses[reply.status]?.mediaType;
  res.status(reply.status);
  if (mediaType !== undefined) res.type(mediaType);
  res.set({ ...reply.headers }); // may name a more exact type; a kept problem brings its own
  if (reply.body === undefined) res.end();
  else if (mediaType === undefined) res.json(reply.body);
  else res.send(reply.body);
}

/** A refusal as an answer that can be kept under an idempotency key. */
function asReply(error: unknown, res: Response): AnyReply | undefined {
  if (!(error instanceof ApiError || error instanceof FieldError)) return undefined;
  const { problem, headers } = toProblem(error, requestIdOf(res));
  return { status: problem.status, headers: { ...headers, "content-type": "application/problem+json" }, body: problem };
}

interface TimeLimit {
  readonly signal: AbortSignal;
  /** Rejects when the time is over. */
  readonly over: Promise<never>;
  /** Seconds from now; Infinity for live streams, which end with the caller's token. */
  extend(seconds: number): void;
  done(): void;
}

/** Of Node; a longer one would be over at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** An idempotent request goes on when its client leaves: the answer is kept for the next try. */
function timeLimit(res: Response, seconds: number, outlivesClient: boolean, tokenEnds?: Date): TimeLimit {
  const abort = new AbortController();
  const { promise: over, reject } = Promise.withResolvers<never>();
  over.catch(() => {}); // nobody listens once the endpoint has answered
  const fire = (): void => {
    const error = new ApiError(503, "Timeout", "Took too long", "The answer took too long; what was begun goes on.", {
      headers: { "retry-after": "5" },
    });
    abort.abort(error);
    reject(error);
  };
  let timer: NodeJS.Timeout | undefined;
  const extend = (more: number): void => {
    clearTimeout(timer);
    if (Number.isFinite(more)) timer = setTimeout(fire, more * 1_000);
    else if (tokenEnds !== undefined)
      timer = setTimeout(
        () => abort.abort(new TokenExpired()),
        Math.min(tokenEnds.getTime() - Date.now(), LONGEST_TIMER_MS),
      );
  };
  const left = (): void => {
    if (!outlivesClient) abort.abort();
  };
  extend(seconds);
  res.once("close", left);
  return { signal: abort.signal, over, extend, done: () => clearTimeout(timer) };
}
