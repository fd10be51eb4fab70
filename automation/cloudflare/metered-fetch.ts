/** Pays for one call before it is made; milliseconds when there is no room for it, and it must not be made. */
export type Pay = () => Promise<number | undefined>;

/** Where Cloudflare answers 429 without saying for how long. */
export const UNTOLD_PAUSE_MS = 30_000;
/** With fewer calls left than an update needs, the next one is better not begun. */
const TOO_FEW_LEFT = 10;

/**
 * `fetch` for the official client. A call that cannot be paid for gets the answer that Cloudflare would give; after a
 * real one `pause` is told, for all processes. Neither is tried again by the client, which would sleep through a block.
 */
export function meteredFetch(pay: Pay, pause: (ms: number) => Promise<void>): typeof fetch {
  return async (input, init) => {
    const waitMs = await pay();
    if (waitMs !== undefined) return refusal(waitMs);
    const response = await fetch(input, init);
    const ms =
      response.status === 429 ? (retryAfterMs(response.headers) ?? UNTOLD_PAUSE_MS) : usedUpMs(response.headers);
    if (ms !== undefined) await pause(ms).catch(() => {}); // the database is away: the answer counts all the same
    return response.status === 429 ? withoutRetry(response) : response;
  };
}

/** Retry-After in seconds or as a date; undefined without one, or when it is neither. */
export function retryAfterMs(headers: Headers, now = Date.now()): number | undefined {
  const told = headers.get("retry-after");
  if (told === null || told.trim() === "") return undefined;
  const ms = Number.isFinite(Number(told)) ? Number(told) * 1_000 : Date.parse(told) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/**
 * Every answer tells what is left: `Ratelimit: "default";r=50;t=30`, that is 50 calls in the next 30 seconds. People
 * and other programs use the same token, so this is the only sign of what they have spent.
 */
function usedUpMs(headers: Headers): number | undefined {
  const told = /;\s*r=(\d+)\s*;\s*t=(\d+)/.exec(headers.get("ratelimit") ?? "");
  return told !== null && Number(told[1]) < TOO_FEW_LEFT ? Number(told[2]) * 1_000 : undefined;
}

function refusal(waitMs: number): Response {
  const errors = [{ code: 0, message: "the platform's own budget of Cloudflare's API calls is used up" }];
  const body = JSON.stringify({ success: false, errors, messages: [], result: null });
  const headers = {
    "content-type": "application/json",
    "retry-after": String(Math.ceil(waitMs / 1_000)),
    "x-should-retry": "false",
  };
  return new Response(body, { status: 429, headers });
}

function withoutRetry(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set("x-should-retry", "false"); // the client obeys it before all else
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
