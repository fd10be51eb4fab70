import { diag, DiagLogLevel } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

export interface ExportOptions {
  readonly url: string;
  /** Secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of this process: `all`, `api` or `worker`. */
  readonly role: string;
  readonly version: string;
  /** Told when the collector cannot be reached; spans are dropped then, and nothing waits. */
  readonly onError: (message: string) => void;
}

/** Milliseconds for the last spans at the end. */
const LAST_MS = 3_000;

/** Sends this process's traces from now on. Returns how to send the last ones and stop. */
export function exportTraces(options: ExportOptions): () => Promise<void> {
  const quiet = (): void => {};
  diag.setLogger(
    { error: (message) => options.onError(message), warn: quiet, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
  const exporter = new OTLPTraceExporter({ url: options.url, headers: { ...options.headers } });
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(
        resourceFromAttributes({
          "service.name": "odoosaas",
          "service.version": options.version,
          "odoosaas.role": options.role,
        }),
      )
      .merge(detectResources({ detectors: [hostDetector, envDetector] })),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  provider.register();
  return async () => {
    const late = new Promise<void>((resolve) => setTimeout(resolve, LAST_MS).unref());
    await Promise.race([provider.shutdown(), late]);
  };
}
