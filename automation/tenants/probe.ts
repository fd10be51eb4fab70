import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";

/** What visitors should find at `url` (`https://acme.example.com`, without a trailing slash): a tenant's Odoo, or a tunnel. */
export type ProbeRequest = TenantProbe | TunnelProbe;

interface TenantProbe {
  url: string;
  subdomain: string;
  expect: "serving" | "suspended";
  /** Route of Odoo's bus: `longpolling` or `websocket`. */
  liveRoute: string;
  /** The first administrator, whose login proves the database; only for a database just made, before its customer has it. */
  login?: { login: string; password: string };
  signal?: AbortSignal;
}

/** That something behind the connector, or the connector itself, answers: what it is, is the container's business. */
interface TunnelProbe {
  url: string;
  expect: "connected";
  signal?: AbortSignal;
}

export interface ProbeOptions {
  /** `host:port` of the edge; without it, names are looked up as a visitor's browser does. */
  edgeAddress?: string | undefined;
  /** Milliseconds until it gives up. Default 60 s: Odoo's first page on a busy host. */
  deadlineMs?: number | undefined;
}

/** Undefined when the tenant is as expected; otherwise what is not, in words. */
export type Probe = (request: ProbeRequest) => Promise<string | undefined>;

interface Answer {
  status: number;
  body: string;
}

const ONE_REQUEST_MS = 20_000;

/** Looks at a tenant as a visitor does, through the edge, until everything is as expected or the time is up. */
export function edgeProbe(options: ProbeOptions = {}): Probe {
  const ask = asker(options.edgeAddress);
  return async (request) => {
    const began = performance.now();
    const deadline = began + (options.deadlineMs ?? 60_000);
    for (;;) {
      const problem = await look(request, ask).catch(
        (error: unknown) => `the edge does not answer: ${(error as Error).message}`,
      );
      if (problem === undefined || performance.now() > deadline) return problem;
      request.signal?.throwIfAborted();
      await setTimeout(pauseAfter(performance.now() - began));
    }
  };
}

/**
 * Milliseconds until the next look, so many after the first: quick at first, since most tenants are there within a second
 * and their customers wait; then ever slower, at most once a second, since each look goes through Cloudflare to the host.
 */
export function pauseAfter(elapsedMs: number): number {
  return Math.min(1_000, Math.max(50, elapsedMs / 20));
}

type Ask = (
  path: string,
  init: { base: string; method?: string; body?: string; upgrade?: boolean; signal?: AbortSignal | undefined },
) => Promise<Answer>;

async function look(request: ProbeRequest, ask: Ask): Promise<string | undefined> {
  const init = { base: request.url, signal: request.signal };
  if (request.expect === "connected") return noConnector(await ask("/", init));
  const login = await ask("/web/login", init);
  const unconnected = noConnector(login);
  if (unconnected !== undefined) return unconnected;
  if (request.expect === "suspended")
    return login.status === 503 ? undefined : `visitors get ${login.status} instead of the 503 page`;
  if (login.status !== 200) return `/web/login answers ${login.status}`;
  if (!/name="login"/.test(login.body)) return "/web/login shows no login form";
  const shown = /<(?:input|select)[^>]*name="db"[^>]*value="([^"]*)"/.exec(login.body)?.[1];
  if (shown !== undefined && shown !== request.subdomain) return `/web/login is of the database ${shown}`;
  const [manager, live, session] = await Promise.all([
    ask("/web/database/manager", init),
    ask(request.liveRoute === "websocket" ? "/websocket" : "/longpolling/poll", {
      ...init,
      upgrade: request.liveRoute === "websocket",
    }),
    request.login &&
      ask("/web/session/authenticate", {
        ...init,
        method: "POST",
        body: authentication(request.subdomain, request.login),
      }),
  ]);
  if (![401, 403, 404].includes(manager.status)) return `the database manager is open: it answers ${manager.status}`;
  if (live.status >= 500) return `the ${request.liveRoute} route answers ${live.status}`;
  return session && problemOfSession(session, request.subdomain);
}

function noConnector({ status, body }: Answer): string | undefined {
  if (status !== 530) return undefined;
  const [, code] = /\berror(?: code)?:? (1\d{3})\b/i.exec(body) ?? [];
  if (code === "1016") return "the DNS record is missing, or leads elsewhere (error 1016)";
  return code === undefined || code === "1033"
    ? `Cloudflare sees no connector${code === undefined ? "" : " (error 1033)"}`
    : `Cloudflare answers with its error ${code}`;
}

function authentication(db: string, { login, password }: { login: string; password: string }): string {
  return JSON.stringify({ jsonrpc: "2.0", method: "call", params: { db, login, password } });
}

function problemOfSession(answer: Answer, subdomain: string): string | undefined {
  if (answer.status !== 200) return `the login answers ${answer.status}`;
  try {
    const { result, error } = JSON.parse(answer.body) as {
      result?: { uid?: unknown; db?: unknown };
      error?: { data?: { name?: string } };
    };
    if (typeof result?.uid === "number")
      return result.db === undefined || result.db === subdomain
        ? undefined
        : `the login is into the database ${JSON.stringify(result.db)}`;
    return `the administrator's login is refused (${error?.data?.name ?? "no user id"})`;
  } catch {
    return "the login's answer is not JSON";
  }
}

function asker(edgeAddress: string | undefined): Ask {
  const edge = edgeAddress === undefined ? undefined : new URL(`tcp://${edgeAddress}`);
  return async (path, init) => {
    const url = new URL(path, `${init.base}/`);
    const timeout = AbortSignal.timeout(ONE_REQUEST_MS);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage | "upgraded">();
    const asked = (url.protocol === "https:" ? httpsRequest : httpRequest)({
      method: init.method ?? "GET",
      host: edge?.hostname ?? url.hostname,
      port: edge?.port ?? url.port,
      path: url.pathname,
      servername: url.hostname,
      headers: {
        host: url.host,
        "user-agent": "odoosaas-probe",
        ...(init.body === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(init.body) }),
        ...(init.upgrade === true
          ? {
              connection: "Upgrade",
              upgrade: "websocket",
              origin: url.origin,
              "sec-websocket-version": "13",
              "sec-websocket-key": "cHJvYmUtb2RvbzEyMzQ1Ng==",
            }
          : {}),
      },
      agent: false,
      signal: init.signal === undefined ? timeout : AbortSignal.any([init.signal, timeout]),
    });
    asked.once("response", resolve).once("error", reject);
    asked.once("upgrade", (_response, socket) => {
      socket.destroy();
      resolve("upgraded");
    });
    asked.end(init.body);
    const answer = await promise;
    return answer === "upgraded"
      ? { status: 101, body: "" }
      : { status: answer.statusCode ?? 0, body: await text(answer) };
  };
}
