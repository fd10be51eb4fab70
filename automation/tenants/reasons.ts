/** Why a tenant is failed or stalled, and what to do: shown wherever the state is; a section each in GUIDE. */
export interface Reason {
  /** What has happened, for an operator. */
  readonly means: string;
  /** The next step. */
  readonly remedy: string;
  /**
   * Whether it is tried again by itself: `soon` for what passes (an outage), `few` times for what may, `many` times (some
   * twenty minutes) for what somebody is about to end, `never` for what somebody has to change first. A tenant that is not tried
   * again is stalled.
   */
  readonly retried: "soon" | "few" | "many" | "never";
}

export const REASONS = {
  "name-taken": {
    means: "A tunnel, DNS record, role or database of this name exists and is not this platform's.",
    remedy: "Rename or remove the other, or give the customer another subdomain; then press Retry.",
    retried: "never",
  },
  "database-missing": {
    means:
      "The tenant's database does not exist any more, though nobody asked for its deletion. Nothing was made in its place.",
    remedy: "Restore it from a backup under the same name and owner; then press Retry.",
    retried: "never",
  },
  "settings-invalid": {
    means: "The tenant's or the platform's settings do not allow this tenant to be built.",
    remedy: "Correct the field named in the detail; then press Retry.",
    retried: "never",
  },
  "lock-held": {
    means: "Somebody else is running this tenant's stack, such as an operator with the CLI.",
    remedy: "Wait for the other update to end, then press Retry. If it has died, press Unlock (tenants unlock).",
    retried: "many",
  },
  "host-unreachable": {
    means: "The tenant's host does not answer by SSH.",
    remedy: "Start the host or repair its network; the tenant follows by itself.",
    retried: "soon",
  },
  "host-key-changed": {
    means: "The host shows another SSH key than the one in the platform's settings; nothing was sent to it.",
    remedy:
      "If the host was rebuilt, set its new key in the platform's settings; then press Retry. Otherwise treat it as an attack.",
    retried: "never",
  },
  "host-login-refused": {
    means: "The host refuses the platform's SSH key.",
    remedy: "Run pulumi up -s prod, which lets the platform's key in on its hosts; then press Retry.",
    retried: "few",
  },
  "host-commands-other": {
    means: "The platform's commands on the tenant's host are of another release than the server.",
    remedy: "Run pulumi up -s prod with the server's release, or restart the server with the host's; tenants follow.",
    retried: "soon",
  },
  "host-script-failed": {
    means: "A script on the tenant's host ended with an error.",
    remedy: "Read the diagnostics; correct the host; then press Retry.",
    retried: "few",
  },
  "postgres-unreachable": {
    means: "The PostgreSQL server does not answer.",
    remedy: "Start it or repair its network; the tenant follows by itself.",
    retried: "soon",
  },
  "postgres-full": {
    means: "The PostgreSQL server takes no more connections.",
    remedy: "Raise its max_connections, or let Odoo and PgBouncer keep fewer; the tenant follows by itself.",
    retried: "soon",
  },
  "postgres-login-refused": {
    means: "PostgreSQL refuses the platform's role or password.",
    remedy:
      "If rotate postgres was interrupted, run it again: tenants follow. Otherwise correct postgresPassword in the platform's settings; then press Retry.",
    retried: "never",
  },
  "postgres-error": {
    means: "PostgreSQL refused a statement.",
    remedy: "Read the diagnostics; a template in use or a lock passes by itself.",
    retried: "few",
  },
  "cloudflare-unreachable": {
    means: "Cloudflare's API does not answer, or answers with errors of its own.",
    remedy: "Wait; see https://www.cloudflarestatus.com. The tenant follows by itself.",
    retried: "soon",
  },
  "cloudflare-refused": {
    means: "Cloudflare refuses the API token (401 or 403).",
    remedy: "Give the token the permissions Cloudflare Tunnel: Edit and DNS: Edit, or set a new one; then press Retry.",
    retried: "never",
  },
  "cloudflare-limit": {
    means:
      "Cloudflare's API takes no more calls for now: 1,200 in 5 minutes, of which the platform keeps within its own budget.",
    remedy: "Wait; the tenant follows by itself. What else may be done: docs/operations/cloudflare-limit.md.",
    retried: "soon",
  },
  "cloudflare-error": {
    means: "Cloudflare refused a request.",
    remedy: "Read the diagnostics; then press Retry.",
    retried: "few",
  },
  "engine-unavailable": {
    means: "The Pulumi engine cannot work: state backend, passphrase, CLI or a plugin.",
    remedy: "Read the detail; correct the server's settings. Other tenants are affected too.",
    retried: "soon",
  },
  "engine-failed": {
    means: "The update failed for a reason that is not in the list.",
    remedy: "Read the diagnostics; then press Retry.",
    retried: "few",
  },
  "not-reachable": {
    means: "Everything is in place, but the tenant does not answer through the edge as it should.",
    remedy: "Look at the connector's and Odoo's logs; the detail names the check that failed.",
    retried: "few",
  },
  "not-gone": {
    means: "The deletion has run, but something of the tenant is still there.",
    remedy: "The detail names it; the deletion is tried again by itself.",
    retried: "few",
  },
  interrupted: {
    means: "The worker stopped, or lost the right to go on, in the middle of a run.",
    remedy: "Nothing: another worker takes over by itself.",
    retried: "soon",
  },
  unexpected: {
    means: "The server itself made a mistake.",
    remedy: "Look for the operation's id in the server's log, and report it; then press Retry.",
    retried: "few",
  },
} as const satisfies Record<string, Reason>;

export type ReasonKey = keyof typeof REASONS;

/** The page that tells of each reason what to look at, and the next step. */
export const GUIDE = "docs/operations/stalled-tenants.md";

export function guideTo(reason: ReasonKey): string {
  return `${GUIDE}#${reason}`;
}

/** Tries of a reason that may pass before the tenant is stalled. */
export const FEW = 5;
/** The same of one that somebody is about to end; with the pauses between them some 20 to 30 minutes. */
export const MANY = 12;

/** Of a tenant, or a container's own tunnel. */
export interface FailuresInARow {
  /** Of whatever reason: the more, the longer the pause. */
  readonly attempts: number;
  /**
   * Of reasons that are retried in the same way: so many stall it. An outage that went before does not count against a
   * tenant which needs a few tries on the way back.
   */
  readonly strikes: number;
}

/** The same with one more, after a failure for the reason `last`. */
export function oneMore({ attempts, strikes }: FailuresInARow, last: string | null, reason: ReasonKey): FailuresInARow {
  const before = (REASONS as Readonly<Record<string, Reason>>)[last ?? ""]?.retried;
  return { attempts: attempts + 1, strikes: before === REASONS[reason].retried ? strikes + 1 : 1 };
}

/** What becomes of a failed run: which state, and when it is tried again (null: never by itself). */
export function afterFailure(
  reason: ReasonKey,
  { attempts, strikes }: FailuresInARow,
  random = Math.random(),
): { state: "failed" | "stalled"; retryInMs: number | null } {
  const { retried }: Reason = REASONS[reason];
  const tries = { never: 1, few: FEW, many: MANY, soon: Infinity }[retried];
  if (strikes >= tries) return { state: "stalled", retryInMs: null };
  // Full jitter on the upper half: a common cause must not bring all tenants back at the same moment.
  const ceiling = Math.min(2_000 * 2 ** Math.min(attempts, 10), 300_000);
  return { state: "failed", retryInMs: Math.round(ceiling / 2 + (ceiling / 2) * random) };
}

/** A failure whose reason is known. */
export class TenantFailure extends Error {
  readonly reason: ReasonKey;

  constructor(reason: ReasonKey, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = "TenantFailure";
    this.reason = reason;
  }
}
