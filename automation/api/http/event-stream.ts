import { once } from "node:events";
import type { Request, Response } from "express";
import { ApiError } from "../problem.ts";

export interface StreamEvent {
  /** What a client sends back as Last-Event-ID to go on where it was. */
  readonly id?: string;
  readonly event: string;
  readonly data: unknown;
}

/** Open live streams of this process; each holds a connection, and perhaps a command on a host. */
export class StreamSlots {
  #open = 0;
  readonly #most: number;

  constructor(most = 200) {
    this.#most = most;
  }

  /** Throws 503 when there are too many. */
  take(): () => void {
    if (this.#open >= this.#most) {
      throw new ApiError(
        503,
        "TooManyStreams",
        "Too many live streams",
        `This server serves at most ${this.#most} live streams.`,
        {
          remedy: "Close other live views, or ask without following.",
          headers: { "retry-after": "10" },
        },
      );
    }
    this.#open++;
    let released = false;
    return () => {
      if (!released) this.#open--;
      released = true;
    };
  }
}

const HEARTBEAT_MS = 15_000;

/** Why a stream is ended by the server: the client may come again, with a new token. */
export class TokenExpired extends Error {}

/**
 * Sends events (text/event-stream) until they end, the client leaves, or its token has expired, which is told by a last
 * event `expired`. A client that reads slower than they come holds back their source instead of filling this process's
 * memory.
 */
export async function streamEvents(
  res: Response,
  events: AsyncIterable<StreamEvent>,
  signal: AbortSignal,
): Promise<void> {
  res.status(200).set({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  res.flushHeaders();
  const heartbeat = setInterval(() => res.write(": still here\n\n"), HEARTBEAT_MS);
  try {
    for await (const event of events) {
      if (signal.aborted) break;
      if (!res.write(encode(event))) await once(res, "drain", { signal });
    }
  } catch (error) {
    if (signal.aborted) return;
    const detail = error instanceof ApiError ? error.message : "The stream ended unexpectedly; connect again.";
    res.write(encode({ event: "error", data: { detail } }));
    throw error; // for the log: the answer has begun
  } finally {
    clearInterval(heartbeat);
    if (signal.reason instanceof TokenExpired)
      res.write(encode({ event: "expired", data: { detail: "The token has expired: connect again with another." } }));
    res.end();
  }
}

/** JSON has no raw line breaks, so one data line is enough. */
function encode({ id, event, data }: StreamEvent): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** By its Accept header, or `asked` otherwise. HEAD has no body that could be streamed: it is answered as the plain request is. */
export function wantsStream(req: Pick<Request, "method" | "get">, asked = false): boolean {
  return req.method !== "HEAD" && (asked || /\btext\/event-stream\b/.test(req.get("accept") ?? ""));
}
