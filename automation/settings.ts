import { readFileSync } from "node:fs";
import { availableParallelism, freemem } from "node:os";
import { z } from "zod";
import { SettingsError } from "../components/field-error.ts";
import { ApiEnvironment, type ApiSettings, apiSettings, CheckedApiEnvironment } from "./api/settings.ts";
import type { BudgetLimit } from "./cloudflare/budget.ts";
import type { Kept } from "./pruning.ts";
import { TelemetryEnvironment, type TelemetrySettings, telemetrySettings } from "./telemetry/settings.ts";
import { StripeEnvironment, type StripeSettings, stripeSettings } from "./stripe/settings.ts";

const Names = z.string().transform((text) =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== ""),
);

/** The core's part of the server's environment. Secrets may also be given as files: DATABASE_URL_FILE and so on. */
const CoreEnvironment = z.object({
  /** `worker` runs engines, `api` takes requests; a small installation has one process for both. */
  ROLE: z.enum(["all", "api", "worker"]).default("all"),
  DATABASE_URL: z.url({
    protocol: /^postgres(ql)?$/,
    error: "must be the server's own database: postgres://user:password@host/database",
  }),
  PULUMI_BACKEND_URL: z
    .string()
    .regex(
      /^(postgres|s3|azblob|gs|file):\/\//,
      "must be the stacks' state backend: postgres://, s3://, azblob://, gs:// or file://",
    ),
  PULUMI_CONFIG_PASSPHRASE: z.string().min(1).optional(),
  PULUMI_HOME: z.string().startsWith("/", "must be an absolute path: plugins are looked for there").optional(),
  /** Path of the CLI, or its name on PATH. */
  PULUMI_COMMAND: z.string().min(1).default("pulumi"),
  PLATFORM_STACK: z
    .string()
    .regex(/^[\w.-]+(\/[\w.-]+\/[\w.-]+)?$/)
    .default("prod"),
  /** `host:port` that probes connect to, where public names cannot be looked up. */
  EDGE_ADDRESS: z
    .string()
    .regex(/^.+:\d+$/, "must be host:port")
    .optional(),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  /** Updates at once. Default: as many as processors, and as memory allows. */
  ENGINE_PARALLELISM: z.coerce.number().int().min(1).max(64).optional(),
  /** Providers that stay alive between runs. A stack must configure each of them in one way only. */
  ENGINE_KEEP_PROVIDERS: Names.default(["cloudflare", "command", "postgresql"]),
  /** Reconciles at once on one host, and on the PostgreSQL server, over all workers. */
  RECONCILES_PER_HOST: z.coerce.number().int().min(1).default(8),
  RECONCILES_PER_POSTGRES: z.coerce.number().int().min(1).default(16),
  /**
   * Calls of Cloudflare's API in each window that all processes together may make. Cloudflare's own limit is 1,200 in
   * 300 s for a token; the rest is for people and other programs. All processes must have the same.
   */
  CLOUDFLARE_CALLS: z.coerce.number().int().min(20).max(1_200).default(1_000),
  CLOUDFLARE_WINDOW_SECONDS: z.coerce.number().int().min(1).default(300),
  /** Seconds that a tenant has to answer through the edge after its update. */
  PROBE_SECONDS: z.coerce.number().int().min(1).default(90),
  /** Pause between two looks for tenants that are due. */
  SWEEP_SECONDS: z.coerce.number().min(0.2).default(5),
  /** Updates kept in the history of each stack, where the state backend is PostgreSQL. */
  HISTORY_KEPT: z.coerce.number().int().min(1).default(5),
  OPERATIONS_KEPT_DAYS: z.coerce.number().int().min(1).max(3_650).default(90),
  /** More than the 30 days for which Stripe lists them: what it lists and is not here counts as missed. */
  STRIPE_EVENTS_KEPT_DAYS: z.coerce.number().int().min(31).max(3_650).default(90),
  /** Port for /livez and /readyz of a process that is a worker only. Default none. */
  HEALTH_PORT: z.coerce.number().int().min(1).max(65_535).optional(),
  /** Seconds for running work to end after SIGTERM, before it is stopped. */
  DRAIN_SECONDS: z.coerce.number().int().min(1).default(18),
});

export interface ServerSettings {
  readonly role: "all" | "api" | "worker";
  /** Secret. */
  readonly databaseUrl: string;
  readonly engine: {
    readonly command: string;
    readonly backendUrl: string;
    /** Secret. */
    readonly passphrase: string | undefined;
    readonly home: string;
    readonly parallelism: number;
    readonly keepProviders: readonly string[];
  };
  /** Full name. */
  readonly platformStack: string;
  readonly edgeAddress: string | undefined;
  readonly logLevel: string;
  readonly limits: { readonly perHost: number; readonly perPostgres: number };
  readonly cloudflareLimit: BudgetLimit;
  readonly kept: Kept;
  readonly probeSeconds: number;
  readonly sweepSeconds: number;
  readonly healthPort: number | undefined;
  readonly drainSeconds: number;
  /** Absent in a process that is a worker only. */
  readonly api: ApiSettings | undefined;
  readonly stripe: StripeSettings;
  readonly telemetry: TelemetrySettings;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws SettingsError with every problem at once. */
export function readSettings(env: Environment): ServerSettings {
  const problems: string[] = [];
  const named = withFiles(env, problems);
  const read = <T>(schema: z.ZodType<T>): T | undefined => {
    const parsed = schema.safeParse(named);
    if (parsed.success) return parsed.data;
    problems.push(...parsed.error.issues.map((issue) => describe(issue, named)));
    return undefined;
  };
  const core = read(CoreEnvironment);
  const stripe = read(StripeEnvironment);
  const telemetry = read(TelemetryEnvironment);
  const api = named["ROLE"] === "worker" ? undefined : read(CheckedApiEnvironment);
  if (problems.length > 0 || core === undefined || stripe === undefined || telemetry === undefined)
    throw new SettingsError("The server's environment", problems);
  return {
    role: core.ROLE,
    databaseUrl: core.DATABASE_URL,
    engine: {
      command: core.PULUMI_COMMAND,
      backendUrl: core.PULUMI_BACKEND_URL,
      passphrase: core.PULUMI_CONFIG_PASSPHRASE,
      home: core.PULUMI_HOME ?? `${env["HOME"] ?? "/root"}/.pulumi`,
      parallelism:
        core.ENGINE_PARALLELISM ?? defaultParallelism(availableParallelism(), freemem(), process.constrainedMemory()),
      keepProviders: core.ENGINE_KEEP_PROVIDERS,
    },
    platformStack: core.PLATFORM_STACK.includes("/")
      ? core.PLATFORM_STACK
      : `organization/odoosaas/${core.PLATFORM_STACK}`,
    edgeAddress: core.EDGE_ADDRESS,
    logLevel: core.LOG_LEVEL,
    limits: { perHost: core.RECONCILES_PER_HOST, perPostgres: core.RECONCILES_PER_POSTGRES },
    cloudflareLimit: { calls: core.CLOUDFLARE_CALLS, windowSeconds: core.CLOUDFLARE_WINDOW_SECONDS },
    kept: {
      historyPerStack: core.HISTORY_KEPT,
      operationDays: core.OPERATIONS_KEPT_DAYS,
      stripeEventDays: core.STRIPE_EVENTS_KEPT_DAYS,
    },
    probeSeconds: core.PROBE_SECONDS,
    sweepSeconds: core.SWEEP_SECONDS,
    healthPort: core.HEALTH_PORT,
    drainSeconds: core.DRAIN_SECONDS,
    api: api && apiSettings(api),
    stripe: stripeSettings(stripe),
    telemetry: telemetrySettings(telemetry),
  };
}

const MIB = 1_048_576;

/**
 * The engine of one update with its providers takes up to 350 MiB; 512 MiB are left to the server itself. `limitBytes`:
 * of a container or a unit (MemoryMax), which the machine's free memory knows nothing of; 0 where there is none.
 */
export function defaultParallelism(processors: number, freeBytes: number, limitBytes: number): number {
  const bytes = limitBytes > 0 ? Math.min(freeBytes, limitBytes) : freeBytes;
  return Math.max(1, Math.min(processors, 16, Math.floor((bytes - 512 * MIB) / (350 * MIB))));
}

/** All that the server reads of its environment; docs/operations/server.md has a row for each (a test compares). */
export const SERVER_ENVIRONMENT: Readonly<Record<string, z.ZodType>> = {
  ...CoreEnvironment.shape,
  ...ApiEnvironment.shape,
  ...StripeEnvironment.shape,
  ...TelemetryEnvironment.shape,
};
const KEYS = Object.keys(SERVER_ENVIRONMENT);

/** `NAME_FILE` stands for NAME with the file's content, as service managers and container platforms hand over secrets. */
function withFiles(env: Environment, problems: string[]): Record<string, string | undefined> {
  const named: Record<string, string | undefined> = { ...env };
  for (const key of KEYS) {
    const path = env[`${key}_FILE`];
    if (path === undefined || named[key] !== undefined || key === "PULUMI_CONFIG_PASSPHRASE") continue; // the CLI reads that one itself
    try {
      named[key] = readFileSync(path, "utf8").trim();
    } catch (error) {
      problems.push(`${key}_FILE: cannot be read: ${(error as Error).message}`);
    }
  }
  return named;
}

function describe(issue: z.core.$ZodIssue, env: Environment): string {
  const key = issue.path.map(String).join(".");
  const value = env[key];
  if (value === undefined) return `${key}: is missing; set ${key} or ${key}_FILE`;
  return MAY_BE_SECRET.test(key) ? `${key}: ${issue.message}` : `${key}: "${value.slice(0, 100)}": ${issue.message}`;
}

const MAY_BE_SECRET = /URL|KEY|SECRET|PASS|HEADERS/;
