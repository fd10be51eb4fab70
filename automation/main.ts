import { type Logger, pino } from "pino";
import { SettingsError } from "../components/field-error.ts";
import { loggedError, REDACTED_PATHS } from "./api/http/logging.ts";
import { VERSION } from "./api/openapi/version.ts";
import { serve } from "./serve.ts";
import { readSettings, type ServerSettings } from "./settings.ts";
import { logMixin } from "./telemetry/log-fields.ts";

if (process.argv.slice(2).some((arg) => arg === "--help" || arg === "-h")) {
  console.log(
    "Usage: npm run serve [-- all|api|worker]\nAll settings are environment variables: docs/operations/server.md",
  );
  process.exit();
}
const given = readOrExit();
const logger = pino({
  level: given.logLevel,
  base: { role: given.role, pid: process.pid },
  mixin: logMixin,
  timestamp: pino.stdTimeFunctions.isoTime,
  serializers: { err: loggedError },
  redact: { paths: [...REDACTED_PATHS], censor: "[redacted]" },
});
const stopTracing = await startTracing(given, logger);
const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopping.abort());
await serve(given, logger, stopping.signal).catch((error: unknown) => {
  logger.fatal({ err: error }, "the server could not go on");
  process.exitCode = 1;
});
await stopTracing();
// Sockets of clients that a library keeps must not hold up an orderly end.
setTimeout(() => process.exit(), 1_000).unref();

function readOrExit(): ServerSettings {
  try {
    const [, , role] = process.argv;
    return readSettings(role === undefined ? process.env : { ...process.env, ROLE: role });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    console.error(error.message);
    process.exit(78); // EX_CONFIG
  }
}

/** The exporter is loaded only where there is somebody to export to. */
async function startTracing({ telemetry, role }: ServerSettings, log: Logger): Promise<() => Promise<void>> {
  const { tracesUrl: url, headers } = telemetry;
  if (url === undefined) return async () => {};
  const { exportTraces } = await import("./telemetry/export.ts");
  return exportTraces({
    url,
    headers,
    role,
    version: VERSION,
    onError: (message) => log.warn({ reason: message }, "traces could not be exported"),
  });
}
