import { setTimeout } from "node:timers/promises";

/**
 * Cloudflare's v4 API as the official provider's client calls it (cloudflare-go v7, internal/requestconfig): up to ten
 * repetitions of anything that fails by transport, 408, 409, 429 or 5xx, POST included and without an idempotency
 * key. A create whose answer is lost is sent again, and a name clash takes minutes to surface: that is so on purpose.
 */
const REPETITIONS = 10;
const FIRST_DELAY_MS = 2_000;
const LONGEST_DELAY_MS = 30_000;
/** Delays are shortened by up to this part. */
const JITTER = 0.25;

export interface ApiSettings {
  /** Ends with a slash. */
  baseUrl: string;
  headers: Readonly<Record<string, string>>;
  /** Waits between repetitions; replaced in tests. */
  pause?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

export class ApiError extends Error {
  readonly status: number;

  constructor(method: string, url: URL, status: number, statusText: string, body: string) {
    super(`failed to make http request: ${method} "${url.href}": ${status} ${statusText} ${body}`.trimEnd());
    this.name = "ApiError";
    this.status = status;
  }
}

export type ApiObject = Readonly<Record<string, unknown>>;

/** Calls the API and answers the envelope's `result`. Throws ApiError once it is not worth repeating. */
export class CloudflareApi {
  readonly #settings: ApiSettings;

  constructor(settings: ApiSettings) {
    this.#settings = settings;
  }

  async call(
    method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
    path: string,
    signal: AbortSignal,
    body?: unknown,
  ): Promise<unknown> {
    const url = new URL(path, this.#settings.baseUrl);
    for (let repetition = 0; ; repetition++) {
      const answer = await this.#attempt(method, url, repetition, signal, body);
      if (answer instanceof Response && answer.ok) return resultOf(await answer.text(), method, url);
      if (repetition === REPETITIONS || !worthRepeating(answer)) throw await failure(method, url, answer);
      const pause = this.#settings.pause ?? ((ms, ending) => setTimeout(ms, undefined, { signal: ending }));
      if (answer instanceof Response) await answer.arrayBuffer().catch(() => undefined); // frees the connection
      await pause(delayMs(answer, repetition), signal);
    }
  }

  async get(path: string, signal: AbortSignal): Promise<ApiObject> {
    return (await this.call("GET", path, signal)) as ApiObject;
  }

  /** Undefined when the answer is 404: what Read, and only Read, takes as gone. */
  async find(path: string, signal: AbortSignal): Promise<ApiObject | undefined> {
    try {
      return await this.get(path, signal);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  async #attempt(
    method: string,
    url: URL,
    repetition: number,
    signal: AbortSignal,
    body: unknown,
  ): Promise<Response | Error> {
    const init: RequestInit = {
      method,
      signal,
      headers: {
        ...this.#settings.headers,
        "x-stainless-retry-count": String(repetition),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
    };
    if (body !== undefined) init.body = JSON.stringify(body);
    try {
      return await fetch(url, init);
    } catch (error) {
      signal.throwIfAborted();
      return error as Error;
    }
  }
}

function worthRepeating(answer: Response | Error): boolean {
  if (answer instanceof Error) return true;
  const asked = answer.headers.get("x-should-retry");
  if (asked === "true" || asked === "false") return asked === "true";
  return [408, 409, 429].includes(answer.status) || answer.status >= 500;
}

function delayMs(answer: Response | Error, repetition: number): number {
  const asked = answer instanceof Response ? askedDelayMs(answer.headers) : undefined;
  if (asked !== undefined) return asked;
  const delay = Math.min(FIRST_DELAY_MS * 2 ** repetition, LONGEST_DELAY_MS);
  return delay * (1 - Math.random() * JITTER);
}

/** Retry-After-Ms, or Retry-After in seconds or as a date; taken as they are, however long. */
function askedDelayMs(headers: Headers): number | undefined {
  const milliseconds = headers.get("retry-after-ms");
  if (milliseconds !== null && Number.isFinite(Number(milliseconds))) return Math.max(0, Number(milliseconds));
  const after = headers.get("retry-after");
  if (after === null) return undefined;
  if (Number.isFinite(Number(after))) return Math.max(0, Number(after) * 1_000);
  const date = Date.parse(after);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

function resultOf(text: string, method: string, url: URL): unknown {
  try {
    return (JSON.parse(text) as { result?: unknown }).result;
  } catch (error) {
    throw new Error(`failed to deserialize http request: ${method} "${url.href}"`, { cause: error });
  }
}

async function failure(method: string, url: URL, answer: Response | Error): Promise<Error> {
  if (answer instanceof Response)
    return new ApiError(method, url, answer.status, answer.statusText, await answer.text());
  const reason = answer.cause instanceof Error ? answer.cause.message : answer.message;
  return new Error(`failed to make http request: ${method} "${url.href}": ${reason}`, { cause: answer });
}
