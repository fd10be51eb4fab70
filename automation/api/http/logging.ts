import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestHandler } from "express";
import type { Logger } from "pino";
import { pinoHttp } from "pino-http";
import type { LogFields } from "../../telemetry/log-fields.ts";
import type { Caller } from "../auth/caller.ts";

/** Never in a log, wherever somebody puts them. For the server's root logger too. */
export const REDACTED_PATHS: readonly string[] = [
  ...["authorization", "cookie", "set-cookie", "stripe-signature", "x-api-key"].flatMap((name) => [
    `headers["${name}"]`,
    `*.headers["${name}"]`,
  ]),
  ...[
    "password",
    "token",
    "secret",
    "masterKey",
    "formerMasterKey",
    "cloudflareApiToken",
    "postgresPassword",
    "sshPrivateKey",
  ].flatMap((name) => [name, `*.${name}`]),
];

/** What an error is in the log: no response headers, query values or other luggage that libraries attach. */
export function loggedError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...(code === undefined ? {} : { code }),
    ...(error.cause === undefined ? {} : { cause: loggedError(error.cause) }),
  };
}

interface Local {
  readonly locals?: { readonly requestId?: string; readonly caller?: Caller; readonly logFields?: LogFields };
}

/** One line for each request: who, what, how long. Headers and bodies are left out, not blanked out. */
export function logRequests(log: Logger): RequestHandler {
  return pinoHttp<IncomingMessage, ServerResponse & Local>({
    logger: log.child({}, { redact: { paths: [...REDACTED_PATHS], censor: "[redacted]" } }),
    genReqId: (_req, res) => res.locals?.requestId ?? "none",
    customAttributeKeys: { responseTime: "ms" },
    customLogLevel: (req, res, error) => {
      if (error !== undefined || res.statusCode >= 500) return "error";
      return /^\/(livez|healthz|readyz|metrics)\b/.test(req.url ?? "") ? "debug" : "info";
    },
    customSuccessMessage: (req, res) => `${req.method} ${pathOf(req)} ${res.statusCode}`,
    customErrorMessage: (req, res) => `${req.method} ${pathOf(req)} ${res.statusCode}`,
    customSuccessObject: (_req, res, line: object) => ({ ...line, ...idsOf(res) }),
    customErrorObject: (_req, res, _error, line: object) => ({ ...line, ...idsOf(res) }),
    wrapSerializers: false,
    serializers: {
      req: (req: IncomingMessage) => ({ method: req.method, path: pathOf(req), from: req.socket.remoteAddress }),
      res: (res: ServerResponse) => ({ status: res.statusCode }),
      err: loggedError,
    },
  });
}

/**
 * The line is written when the request is over, inside of its context or outside. Its ids stand in the line's own object,
 * where those of the root logger's mixin fall together with them: as bindings they would be in the JSON twice.
 */
function idsOf({ locals }: Local): object {
  return {
    ...(locals?.requestId !== undefined && { requestId: locals.requestId }),
    ...locals?.logFields,
    ...(locals?.caller !== undefined && { user: locals.caller.subject }),
  };
}

function pathOf(req: IncomingMessage): string {
  const url = (req as { originalUrl?: string }).originalUrl ?? req.url ?? "";
  return url.split("?", 1)[0] ?? "";
}
