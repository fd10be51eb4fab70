import { z } from "zod";
import type { ApiDeps } from "../deps.ts";
import type { LogEntry } from "../host/connector-units.ts";
import { bind, type BoundEndpoint, endpoint, STREAMED } from "../http/endpoint.ts";
import { type StreamEvent, streamEvents, wantsStream } from "../http/event-stream.ts";
import { hostOf, knownTunnel } from "../tunnels/tunnel-lookup.ts";
import { Flag, iso, Timestamp } from "./fields.ts";
import { TunnelId } from "./tunnel-shapes.ts";

const LogLine = z
  .object({
    at: Timestamp,
    priority: z.int().min(0).max(7).meta({ description: "syslog's: 3 error, 4 warning, 6 information." }),
    message: z.string(),
    cursor: z.string().meta({ description: "Place in the journal." }),
  })
  .meta({ id: "LogLine" });

const logs = endpoint({
  route: "GET /api/tunnels/{id}/logs",
  tag: "Tunnels",
  summary: "Read a connector's journal",
  description:
    "With `Accept: text/event-stream` or `follow=true`: the last lines, then each new one as it comes. A client that reconnects goes on after its Last-Event-ID.",
  params: TunnelId,
  query: z.strictObject({
    lines: z.coerce.number().int().min(1).max(1_000).default(100).meta({ description: "How many of the last lines." }),
    follow: Flag.optional(),
  }),
  accepts: ["Last-Event-ID"],
  responses: {
    200: {
      description: "The last lines, oldest first.",
      schema: z.object({
        success: z.literal(true),
        tunnel_name: z.string(),
        service: z.string(),
        lines: z.int(),
        logs: z.array(LogLine),
      }),
    },
  },
});

export const tunnelLogEndpoints = [logs];

export function tunnelLogRoutes(deps: ApiDeps): BoundEndpoint[] {
  return [
    bind(logs, async ({ params, query, req, res, signal, allow }) => {
      const tunnel = await knownTunnel(deps, params.id);
      const host = hostOf(tunnel, await deps.platform());
      if (wantsStream(req, query.follow)) {
        const release = deps.streams.take();
        try {
          allow(Infinity);
          const until = deps.shutdown === undefined ? signal : AbortSignal.any([signal, deps.shutdown]);
          await streamEvents(
            res,
            asEvents(
              deps.connectors.follow(
                host,
                tunnel.service,
                { lines: query.lines, cursor: journalCursor(req.get("last-event-id")) },
                until,
              ),
            ),
            until,
          );
        } finally {
          release();
        }
        return STREAMED;
      }
      const entries = await deps.connectors.logs(host, tunnel.service, query.lines, signal);
      return {
        status: 200,
        body: {
          success: true,
          tunnel_name: tunnel.name,
          service: tunnel.service,
          lines: entries.length,
          logs: entries.map(logLine),
        },
      };
    }),
  ];
}

async function* asEvents(entries: AsyncIterable<LogEntry>): AsyncIterable<StreamEvent> {
  for await (const entry of entries) yield { id: entry.cursor, event: "line", data: logLine(entry) };
}

function logLine({ at, priority, message, cursor }: LogEntry): z.infer<typeof LogLine> {
  return { at: iso(at), priority, message, cursor };
}

/** Only what systemd itself makes: it becomes a word of a command. */
function journalCursor(text: string | undefined): string | undefined {
  return text !== undefined && /^[a-z]=[0-9a-f]+(;[a-z]=[0-9a-f]+){1,9}$/.test(text) ? text : undefined;
}
