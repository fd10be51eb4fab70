import { z } from "zod";
import type { TokenSettings } from "./auth/tokens.ts";
import type { ListenSettings } from "./listen.ts";

const list = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== ""),
  );

const Origins = list.refine(
  (origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
  {
    error: "must be a comma separated list of origins without a path, such as https://panel.example.com",
  },
);

const Secrets = z
  .string()
  .transform((text) => text.split(",").map((secret) => secret.trim()))
  .refine((secrets) => secrets.every((secret) => secret.length >= 32), {
    error: "each comma separated secret must have at least 32 characters; make one with: openssl rand -hex 32",
  });

const ProxyTrust = z
  .string()
  .regex(
    /^(false|loopback|[1-9]|[0-9a-fA-F.:/]+(,[0-9a-fA-F.:/]+)*)$/,
    'must be the number of proxies in front, "loopback", or their addresses',
  )
  .transform((text): ProxyTrust => (text === "false" ? false : /^[1-9]$/.test(text) ? Number(text) : text.split(",")));

/** Express's "trust proxy": hops, addresses or names of ranges. */
type ProxyTrust = false | number | string[];

/** The part of the server's environment that is the API's. The names are documented in docs/operations/server.md. */
export const ApiEnvironment = z.object({
  /** Address to listen on. Beyond loopback only with TLS or behind a declared proxy. */
  HOST: z.string().min(1).default("127.0.0.1"),
  PORT: z.coerce.number().int().min(0).max(65_535).default(4443),
  TLS_CERT_FILE: z.string().min(1).optional(),
  TLS_KEY_FILE: z.string().min(1).optional(),
  TRUST_PROXY: ProxyTrust.default(false),
  /** HS256 secrets of own tokens; the first signs, all verify. */
  JWT_SECRET: Secrets,
  JWKS_URL: z.url({ protocol: /^https?$/ }).optional(),
  JWT_ISSUER: z.string().min(1).optional(),
  JWT_AUDIENCE: z.string().min(1).optional(),
  /** Origins whose pages may call the API. Default none. */
  CORS_ORIGINS: Origins,
  /** Requests of one identity, or of one address without a token, in a minute. */
  RATE_LIMIT_PER_MINUTE: z.coerce.number().int().min(1).default(600),
  /** Refused tokens of one address in 15 minutes; further ones are 429. */
  FAILED_SIGN_INS_PER_15_MINUTES: z.coerce.number().int().min(1).default(30),
  REQUEST_TIMEOUT_SECONDS: z.coerce.number().int().min(1).max(600).default(30),
  /** Longest `Prefer: wait`. */
  PREFER_WAIT_MAX_SECONDS: z.coerce.number().int().min(1).max(3_600).default(300),
  /** Pause between two rounds of probes through the edge. */
  TUNNEL_PROBE_SECONDS: z.coerce.number().int().min(5).default(60),
});

/** Also refuses half a pair: a certificate without its key, a key set without whom to expect in its tokens. */
export const CheckedApiEnvironment = ApiEnvironment.superRefine((env, context) => {
  const together = (a: keyof typeof env, b: keyof typeof env): void => {
    if ((env[a] === undefined) === (env[b] === undefined)) return;
    const missing = env[a] === undefined ? a : b;
    context.addIssue({ code: "custom", path: [missing], message: `must be set too: ${a} and ${b} belong together` });
  };
  together("TLS_CERT_FILE", "TLS_KEY_FILE");
  together("JWKS_URL", "JWT_ISSUER");
  together("JWKS_URL", "JWT_AUDIENCE");
});

export interface ApiSettings {
  readonly listen: ListenSettings;
  readonly tokens: TokenSettings;
  readonly trustProxy: ProxyTrust;
  readonly corsOrigins: readonly string[];
  readonly ratePerMinute: number;
  readonly failedSignIns: number;
  /** Seconds. */
  readonly requestTimeout: number;
  /** Seconds. */
  readonly maxWait: number;
  /** Seconds. */
  readonly probeEvery: number;
}

export function apiSettings(env: z.infer<typeof ApiEnvironment>): ApiSettings {
  const {
    TLS_CERT_FILE: certFile,
    TLS_KEY_FILE: keyFile,
    JWKS_URL: jwksUrl,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: audience,
  } = env;
  return {
    listen: {
      host: env.HOST,
      port: env.PORT,
      tls: certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined,
      behindProxy: env.TRUST_PROXY !== false,
    },
    tokens: {
      secrets: env.JWT_SECRET,
      provider:
        jwksUrl !== undefined && issuer !== undefined && audience !== undefined
          ? { jwksUrl, issuer, audience }
          : undefined,
    },
    trustProxy: env.TRUST_PROXY,
    corsOrigins: env.CORS_ORIGINS,
    ratePerMinute: env.RATE_LIMIT_PER_MINUTE,
    failedSignIns: env.FAILED_SIGN_INS_PER_15_MINUTES,
    requestTimeout: env.REQUEST_TIMEOUT_SECONDS,
    maxWait: env.PREFER_WAIT_MAX_SECONDS,
    probeEvery: env.TUNNEL_PROBE_SECONDS,
  };
}
