import type { Request, Response } from "express";
import type { z } from "zod";
import type { Actor } from "../../tenants/tenants.ts";
import type { RouteKey } from "../access.ts";
import type { Caller } from "../auth/caller.ts";
import type { Acceptance } from "./acceptance.ts";

/** Headers that an endpoint understands besides the common ones. */
export type RequestHeader = "If-Match" | "Prefer" | "Last-Event-ID";
export type ResponseHeader = "Location" | "ETag" | "Link" | "Preference-Applied";

export interface ResponseSpec {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** Default application/json. */
  readonly mediaType?: string;
  readonly headers?: readonly ResponseHeader[];
}

export type Responses = Readonly<Record<number, ResponseSpec>>;
export type Shape = z.ZodObject | undefined;
export type BodyShape = z.ZodType | undefined;

/** One route as it is checked, documented and typed; what it does is bound to it beside it (`bind`). */
export interface Endpoint<
  P extends Shape = Shape,
  Q extends Shape = Shape,
  B extends BodyShape = BodyShape,
  R extends Responses = Responses,
> {
  readonly route: RouteKey;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly accepts: readonly RequestHeader[];
  /** The answer holds a secret: it is not kept for repeats of the request. */
  readonly secret: boolean;
  readonly responses: R;
}

interface EndpointInput<P extends Shape, Q extends Shape, B extends BodyShape, R extends Responses> {
  readonly route: RouteKey;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly accepts?: readonly RequestHeader[];
  /** Default false. */
  readonly secret?: boolean;
  readonly responses: R;
}

export function endpoint<
  const R extends Responses,
  P extends Shape = undefined,
  Q extends Shape = undefined,
  B extends BodyShape = undefined,
>(input: EndpointInput<P, Q, B, R>): Endpoint<P, Q, B, R> {
  const { params, query, body, accepts = [], secret = false } = input;
  return { ...input, params: params as P, query: query as Q, body: body as B, accepts, secret };
}

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

/** A checked request. */
export interface Call<P = undefined, Q = undefined, B = undefined> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Who asks; absent on public routes only. */
  readonly caller: Caller | undefined;
  /** The same, for the audit log. */
  readonly by: Actor;
  readonly requestId: string;
  /** Seconds of `Prefer: wait=N`, capped by the server's setting; undefined when not asked for. */
  readonly waitSeconds: number | undefined;
  /** Present under an Idempotency-Key. */
  readonly acceptance?: Acceptance | undefined;
  /** Aborted when the client has gone or the request's time is over. */
  readonly signal: AbortSignal;
  /** Gives the request more time than usual: seconds from now, Infinity for a live stream, until the token ends. */
  allow(seconds: number): void;
  readonly req: Request;
  readonly res: Response;
}

type ReplyOf<S extends number, A> = A extends { readonly schema: infer Z extends z.ZodType }
  ? { readonly status: S; readonly body: z.input<Z>; readonly headers?: Readonly<Record<string, string>> }
  : { readonly status: S; readonly headers?: Readonly<Record<string, string>> };

/** One of the documented answers; anything else does not compile. */
export type Reply<R extends Responses> = { [S in keyof R & number]: ReplyOf<S, R[S]> }[keyof R & number];

/** The handler has written the answer itself (a live stream). */
export const STREAMED: unique symbol = Symbol("streamed");
export type Streamed = typeof STREAMED;

export interface AnyReply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface BoundEndpoint {
  readonly endpoint: Endpoint;
  handle(call: Call<unknown, unknown, unknown>): Promise<AnyReply | Streamed>;
}

export type CallOf<E extends Endpoint> = Call<Parsed<E["params"]>, Parsed<E["query"]>, Parsed<E["body"]>>;

export function bind<E extends Endpoint, const T extends Reply<E["responses"]> | Streamed>(
  bound: E,
  handle: (call: CallOf<E>) => Promise<T>,
): BoundEndpoint {
  return { endpoint: bound, handle };
}

/** `GET /api/tenants/{id}` as method and Express path. */
export function splitRoute(route: RouteKey): {
  method: "get" | "post" | "patch" | "delete";
  path: string;
  expressPath: string;
} {
  const [method = "", path = ""] = route.split(" ");
  return { method: method.toLowerCase() as "get", path, expressPath: path.replaceAll(/\{(\w+)\}/g, ":$1") };
}
