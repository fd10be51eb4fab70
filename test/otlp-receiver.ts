import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A span as it arrived at the collector. */
export interface SeenSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Of the process that sent it. */
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface OtlpReceiver {
  /** Value of OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: readonly SeenSpan[];
  /** Everything as it came. */
  readonly raw: () => string;
  readonly headers: readonly IncomingHttpHeaders[];
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: Attribute[];
  status?: { code?: number };
}
interface OtlpBody {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: OtlpSpan[] }[] }[];
}

/** A collector of OTLP over HTTP, as JSON: https://opentelemetry.io/docs/specs/otlp/#otlphttp */
export async function startOtlpReceiver(t: { after: (undo: () => void) => void }): Promise<OtlpReceiver> {
  const spans: SeenSpan[] = [];
  const headers: IncomingHttpHeaders[] = [];
  let raw = "";
  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      if (request.method !== "POST" || request.url !== "/v1/traces") return void response.writeHead(404).end();
      raw += body;
      headers.push(request.headers);
      for (const { resource, scopeSpans } of (JSON.parse(body) as OtlpBody).resourceSpans)
        for (const { spans: some } of scopeSpans) spans.push(...some.map((span) => seen(span, resource.attributes)));
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    })();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, headers, raw: () => raw };
}

function seen(span: OtlpSpan, resource: readonly Attribute[]): SeenSpan {
  const { traceId, spanId, parentSpanId, name, startTimeUnixNano, endTimeUnixNano, attributes = [], status } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    startMs: Number(BigInt(startTimeUnixNano) / 1_000_000n),
    endMs: Number(BigInt(endTimeUnixNano) / 1_000_000n),
    failed: status?.code === 2,
    attributes: valuesOf(attributes),
    resource: valuesOf(resource),
  };
}

function valuesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

/** The spans of one trace as lines, each indented below its parent, in order of their beginning. */
export function treeOf(spans: readonly SeenSpan[], traceId: string): string[] {
  const own = spans.filter((span) => span.traceId === traceId);
  const known = new Set(own.map(({ spanId }) => spanId));
  const below = (parent: string | undefined, depth: number): string[] =>
    own
      .filter(({ parentSpanId: of }) => (parent === undefined ? of === undefined || !known.has(of) : of === parent))
      .toSorted((a, b) => a.startMs - b.startMs || a.name.localeCompare(b.name))
      .flatMap((span) => [`${"  ".repeat(depth)}${span.name}`, ...below(span.spanId, depth + 1)]);
  return below(undefined, 0);
}
