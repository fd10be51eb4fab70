import { isOutage } from "../db/outage.ts";
import { EngineFailure, Fenced } from "../engine/engine.ts";
import type { Diagnostic } from "./operation.ts";
import { type ReasonKey, TenantFailure } from "./reasons.ts";

interface Rule {
  /** Package of the resource that failed; absent for any. */
  of?: "cloudflare" | "postgresql" | "command";
  says: RegExp;
  reason: ReasonKey;
}

const NETWORK =
  /connection refused|no route to host|network is unreachable|no such host|i\/o timeout|timed? ?out|connection reset|broken pipe|ECONNREFUSED|ETIMEDOUT|ENOTFOUND|ECONNRESET|EHOSTUNREACH|EAI_AGAIN|socket hang up|\bEOF\b/i;

/** As PostgreSQL says it (53300), also through psql and PgBouncer in a host's script. */
const FULL = /too many clients already|remaining connection slots are reserved/;

/** Whatever else failed with it: it passes by itself, and the rest is seen again then if it does not. */
const LIMIT: Rule[] = [
  { of: "cloudflare", says: /\b429\b|too many requests|more than \d+ requests/i, reason: "cloudflare-limit" },
  { of: "command", says: /Cloudflare answered 429/, reason: "cloudflare-limit" },
];

/** The first that fits decides: from the telling to the vague. */
const RULES: readonly Rule[] = [
  // Not a host's, but components/tenant/drain-tunnel.mjs.
  { of: "command", says: /Cloudflare answered 40[13]/, reason: "cloudflare-refused" },
  { of: "command", says: /Cloudflare (answered 5\d\d|did not answer)/, reason: "cloudflare-unreachable" },
  { of: "command", says: /host key|knownhosts|key mismatch/i, reason: "host-key-changed" },
  {
    of: "command",
    says: /unable to authenticate|no supported methods remain|permission denied \(publickey/i,
    reason: "host-login-refused",
  },
  { of: "command", says: /of another release than the program/, reason: "host-commands-other" },
  { of: "command", says: FULL, reason: "postgres-full" },
  { of: "command", says: /exited with status|exit(ed)? (status|code) \d/i, reason: "host-script-failed" },
  { of: "command", says: /dial|handshake/i, reason: "host-unreachable" },
  { of: "command", says: NETWORK, reason: "host-unreachable" },
  { of: "command", says: /./s, reason: "host-script-failed" },
  { of: "postgresql", says: FULL, reason: "postgres-full" },
  {
    of: "postgresql",
    says: /password authentication failed|no pg_hba\.conf entry|28P01|28000|role ".*" does not exist/i,
    reason: "postgres-login-refused",
  },
  {
    of: "postgresql",
    says: /the database system is (starting up|shutting down|in recovery)|terminating connection|57P0[123]/i,
    reason: "postgres-unreachable",
  },
  { of: "postgresql", says: NETWORK, reason: "postgres-unreachable" },
  { of: "postgresql", says: /./s, reason: "postgres-error" },
  {
    of: "cloudflare",
    says: /\b40[13]\b|authentication error|unauthori[sz]ed|forbidden|invalid api token|"code": ?(10000|9109|9106)\b/i,
    reason: "cloudflare-refused",
  },
  { of: "cloudflare", says: /\b5\d\d\b/, reason: "cloudflare-unreachable" },
  { of: "cloudflare", says: NETWORK, reason: "cloudflare-unreachable" },
  { of: "cloudflare", says: /./s, reason: "cloudflare-error" },
  {
    says: /this platform has no|is reserved by this platform|lies below this platform's domain/,
    reason: "settings-invalid",
  },
];

/** Why a run failed, for an operator. */
export function classify(error: unknown): { reason: ReasonKey; detail: string } {
  if (error instanceof TenantFailure) return { reason: error.reason, detail: error.message };
  if (error instanceof Fenced) return { reason: "interrupted", detail: error.message };
  if (error instanceof EngineFailure) return ofEngine(error);
  // Those of a tenant's PostgreSQL server come as a TenantFailure or from the engine.
  if (isOutage(error))
    return { reason: "interrupted", detail: `the server's own database was away: ${(error as Error).message}` };
  const { code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: String(error) };
  return { reason: "unexpected", detail: code === undefined ? message : `${code}: ${message}` };
}

function ofEngine(failure: EngineFailure): { reason: ReasonKey; detail: string } {
  if (failure.kind === "locked") return { reason: "lock-held", detail: failure.message };
  if (failure.kind === "aborted") return { reason: "interrupted", detail: "the update was stopped" };
  if (failure.kind === "engine") return { reason: "engine-unavailable", detail: failure.message };
  const errors = failure.result.diagnostics.filter(({ severity }) => severity === "error");
  for (const rules of [LIMIT, RULES]) {
    for (const said of errors) {
      const reason = reasonOf(said, rules);
      if (reason !== undefined) return { reason, detail: summary(said) };
    }
  }
  const first = errors[0];
  return { reason: "engine-failed", detail: first === undefined ? failure.message : summary(first) };
}

function reasonOf(said: Diagnostic, rules: readonly Rule[]): ReasonKey | undefined {
  // A function that the program called has no resource; the program's failure names it.
  const of = /\binvocation of (\w+):/.exec(said.message)?.[1] ?? packageOf(said.urn);
  return rules.find((rule) => (rule.of === undefined || rule.of === of) && rule.says.test(said.message))?.reason;
}

/** `urn:pulumi:<stack>::<project>::<types, parent first, joined by $>::<name>` */
function packageOf(urn: string | undefined): string | undefined {
  const type = urn?.split("::")[2]?.split("$").at(-1);
  return type?.startsWith("pulumi:providers:") === true ? type.slice("pulumi:providers:".length) : type?.split(":")[0];
}

function summary(said: Diagnostic): string {
  const name = said.urn?.split("::").at(-1);
  const text = said.message
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .slice(0, 4)
    .join(" ")
    .slice(0, 600);
  return name === undefined ? text : `${name}: ${text}`;
}
