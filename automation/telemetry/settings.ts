import { z } from "zod";

const Headers = z
  .string()
  .default("")
  .transform((text, context): Record<string, string> => {
    const pairs = text.split(",").filter((pair) => pair.trim() !== "");
    try {
      return Object.fromEntries(
        pairs.map((pair) => {
          const [, name = "", value = ""] = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
          if (name === "") throw new Error("no name");
          return [name, decodeURIComponent(value)];
        }),
      );
    } catch {
      context.addIssue("must be name=value,name=value with percent-encoded values"); // never the value: it is a secret
      return z.NEVER;
    }
  });

/** OpenTelemetry's own names; those that are not here (sampler, batches, resource) are read by its SDK. */
export const TelemetryEnvironment = z.object({
  /** Base of an OTLP/HTTP collector: traces go to `<base>/v1/traces`, as JSON. Without one of the two nothing is traced. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  /** `name=value,name=value`, percent-encoded. Secret: collectors take keys there. */
  OTEL_EXPORTER_OTLP_HEADERS: Headers,
  OTEL_SDK_DISABLED: z.stringbool().default(false),
});

export interface TelemetrySettings {
  /** Where traces go; absent: nowhere. */
  readonly tracesUrl: string | undefined;
  /** Secret. */
  readonly headers: Readonly<Record<string, string>>;
}

export function telemetrySettings(env: z.infer<typeof TelemetryEnvironment>): TelemetrySettings {
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, "");
  const url = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base === undefined ? undefined : `${base}/v1/traces`);
  return {
    tracesUrl: env.OTEL_SDK_DISABLED ? undefined : url,
    headers: env.OTEL_EXPORTER_OTLP_HEADERS,
  };
}
