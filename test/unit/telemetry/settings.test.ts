import assert from "node:assert/strict";
import { test } from "node:test";
import { TelemetryEnvironment, telemetrySettings } from "../../../automation/telemetry/settings.ts";

const read = (env: Record<string, string>): ReturnType<typeof telemetrySettings> =>
  telemetrySettings(TelemetryEnvironment.parse(env));

test("traces go where OpenTelemetry's own variables say, and nowhere without them", () => {
  assert.deepEqual(read({}), { tracesUrl: undefined, headers: {} });
  const base = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" };
  assert.equal(read(base).tracesUrl, "http://collector:4318/v1/traces");
  const whole = { ...base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces.example/in" };
  assert.equal(read(whole).tracesUrl, "https://traces.example/in");
  assert.equal(read({ ...whole, OTEL_SDK_DISABLED: "true" }).tracesUrl, undefined);
  const headers = { OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20b=, x-tenant=1" };
  assert.deepEqual(read(headers).headers, { "x-key": "a b=", "x-tenant": "1" });
  for (const wrong of ["x-key", "x-key=%zz", "=secret"])
    assert.throws(
      () => read({ OTEL_EXPORTER_OTLP_HEADERS: wrong }),
      (error: Error) => /OTEL_EXPORTER_OTLP_HEADERS/.test(error.message) && !error.message.includes(wrong),
    );
  assert.throws(() => read({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }), /OTEL_EXPORTER_OTLP_ENDPOINT/);
});
