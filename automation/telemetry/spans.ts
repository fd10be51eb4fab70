import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";

export { SpanKind };

/** Follows whatever provider is registered, also later; none: every span is a shared one that does nothing. */
const tracer = trace.getTracer("odoosaas");

/** Where a trace goes on in another process: a row's or a header's `traceparent`. https://www.w3.org/TR/trace-context/ */
export type Traceparent = string;

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Absent: the active span. null: a trace of its own. */
  readonly parent?: Traceparent | null;
  /** When what is done here was asked for: the time since then becomes a span beside this one. */
  readonly queuedAt?: Date;
}

/** Does work within a span, which is active meanwhile. An error ends it as failed, by its class only, and is thrown on. */
export async function inSpan<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
  const { kind = SpanKind.INTERNAL, attributes = {}, parent, queuedAt } = options;
  const before = parent === undefined ? context.active() : contextOf(parent);
  if (queuedAt !== undefined && trace.getSpanContext(before) !== undefined)
    tracer.startSpan("queue wait", { startTime: Math.min(queuedAt.getTime(), Date.now()), attributes }, before).end();
  return tracer.startActiveSpan(name, { kind, attributes }, before, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      fail(span, error instanceof Error ? error.name : "unknown");
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Begins a span below the active one, for work that ends with an event instead of a promise. */
export function beginSpan(name: string, attributes: Attributes, kind: SpanKind = SpanKind.INTERNAL): Span {
  return tracer.startSpan(name, { kind, attributes });
}

/** Marks a span as failed. `type` is one of few words, such as a reason's key; never a message. */
export function fail(span: Span, type: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute("error.type", type);
}

/** The active span has failed, though no error is thrown. */
export function failCurrent(type: string): void {
  const span = trace.getActiveSpan();
  if (span !== undefined) fail(span, type);
}

/** The active span, for a row from which its trace goes on; null while nobody exports. */
export function currentTraceparent(): Traceparent | null {
  const at = trace.getActiveSpan()?.spanContext();
  if (at === undefined || !isSpanContextValid(at)) return null;
  return `00-${at.traceId}-${at.spanId}-${at.traceFlags.toString(16).padStart(2, "0")}`;
}

/** For log lines. */
export function currentTraceId(): string | undefined {
  const at = trace.getActiveSpan()?.spanContext();
  return at !== undefined && isSpanContextValid(at) ? at.traceId : undefined;
}

const FORM = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** What is not a traceparent begins a new trace. */
function contextOf(parent: Traceparent | null): Context {
  const [, traceId, spanId, flags] = FORM.exec(parent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  });
}

/** Runs `work` with a span active that somebody else ends. */
export function within<T>(span: Span, work: () => T): T {
  return context.with(trace.setSpan(context.active(), span), work);
}
