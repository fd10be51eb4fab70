import { z } from "zod";

const Port = z.number().int().min(1).max(65_535);
const HostName = z
  .string()
  .regex(
    /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
    "must be a host name in lower case",
  );

const Account = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, "must be the name of a Unix account");

/** How a plan shapes a tenant. Prices are the server's business (automation/stripe). */
export const PlanSettings = z.strictObject({
  /** Connections a tenant's role may hold at once. Default 20: one Odoo process opens at most `db_maxconn` per database. */
  connectionLimit: z.number().int().min(2).max(1_000).default(20),
  /** Odoo modules beyond the template's; a plan that has any gets a full initialisation instead of a clone. */
  modules: z.array(z.string().regex(/^[a-z0-9_]+$/)).default([]),
});

/** One Odoo on a tenant host. */
export const OdooSettings = z.strictObject({
  version: z.enum(["14.0", "15.0", "16.0", "17.0", "18.0", "19.0"]).default("14.0"),
  /** HTTP port on the host. */
  port: Port.default(8069),
  /** Port of the gevent process (`/longpolling`, `/websocket`); absent when Odoo runs threaded (`workers = 0`). */
  geventPort: Port.optional(),
  /** System user that Odoo runs as; owner of the filestore. */
  user: z.string().default("odoo"),
  service: z.string().default("odoo"),
  configFile: z.string().startsWith("/").default("/etc/odoo/odoo.conf"),
  dataDir: z.string().startsWith("/").default("/var/lib/odoo/.local/share/Odoo"),
  /** PostgreSQL role that Odoo connects as, and that owns (only) the databases it lists. One per host. */
  role: z.string().regex(/^[a-z][a-z0-9_]*$/),
});

/** What visitors of a suspended tenant read. */
export const SuspendedPage = z.strictObject({
  /** Where to pay; `{subdomain}` becomes the tenant's. */
  payUrl: z.url().optional(),
  /** Whom to ask, as plain text: an address or a telephone number. */
  contact: z
    .string()
    .max(200)
    .regex(/^[^\r\n]*$/, "must be one line")
    .optional(),
});

/** A tenant host: a machine or container with systemd, sshd, Odoo, PgBouncer and cloudflared. */
export const HostSettings = z.strictObject({
  /** The container's number, the `container_id` of the API. */
  id: z.number().int().min(1),
  /** Address as seen from the engine and in `direct_url`. */
  address: z.string().min(1),
  ssh: z.strictObject({
    port: Port.default(22),
    /** The platform's own account: it may run the platform's commands by sudo, nothing else (docs/decisions/0016). */
    user: Account.refine((name) => name !== "root", {
      error:
        "must be an account of the platform's own, such as odoosaas, which the platform's stack makes; who installs it is adminUser",
    }).default("odoosaas"),
    /** Who installs them: root, or an account that may do all by sudo. Only the platform's stack logs in as it. */
    adminUser: Account.default("root"),
    /** Public key line of the host ("ssh-ed25519 AAAA..."); connections to any other key are refused. */
    hostKey: z
      .string()
      .regex(
        /^(ssh-ed25519|ecdsa-sha2-nistp256|ssh-rsa) [A-Za-z0-9+/=]+/,
        "must be the host's public key line; get it with ssh-keyscan over a trusted path",
      ),
  }),
  odoo: OdooSettings,
  /** PostgreSQL as the host reaches it; differs from `postgres.host` when the engine sits elsewhere. */
  postgresAddress: z.string().optional(),
  cloudflaredPath: z.string().startsWith("/").default("/usr/local/bin/cloudflared"),
  /** Address or name of cloudflared's edge when it is not Cloudflare's own (the sandbox). */
  edge: z.string().optional(),
  /** Tenants this host may carry. */
  capacity: z.number().int().min(1).default(200),
});

/**
 * All that tenants share: what the platform's stack (`Pulumi.prod.yaml`) configures and exports, and every tenant's
 * stack and the server read. Secrets are separate keys at the end, so that the rest can be shown.
 */
export const PlatformSettings = z.strictObject({
  /** Names this platform in marks of ownership; two platforms may share one Cloudflare account. */
  id: z.string().regex(/^[a-z0-9-]{1,20}$/),
  /** Tenants live at `<subdomain>.<domain>`. */
  domain: HostName,
  /** Public URL of a host name. The sandbox's edge speaks plain http on a port of its own. */
  publicUrl: z.string().includes("{host}").default("https://{host}"),
  reservedSubdomains: z.array(z.string()).default([]),
  cloudflare: z.strictObject({
    accountId: z.string().regex(/^[0-9a-f]{32}$/, "must be 32 hex digits (Cloudflare dashboard, Account ID)"),
    zoneId: z.string().regex(/^[0-9a-f]{32}$/, "must be 32 hex digits (Cloudflare dashboard, zone overview)"),
    /** Only for other endpoints than Cloudflare's own. */
    baseUrl: z.url().optional(),
  }),
  postgres: z.strictObject({
    host: z.string().min(1),
    port: Port.default(5432),
    /** Role that creates roles and databases: CREATEROLE, CREATEDB and a member of the hosts' Odoo roles, or a superuser. */
    user: z.string().min(1),
    superuser: z.boolean().default(false),
    sslmode: z.enum(["disable", "require", "verify-ca", "verify-full"]).default("verify-full"),
    maintenanceDatabase: z.string().default("postgres"),
  }),
  hosts: z.array(HostSettings).min(1),
  /** Databases are cloned from this one; without it each tenant is initialised in full. */
  template: z
    .strictObject({
      database: z.string().default("odoo_template"),
      /** Owner of the template's contents; owns no database (REASSIGN OWNED would hand that over too). */
      role: z.string().default("odoo_template_owner"),
      modules: z.array(z.string().regex(/^[a-z0-9_]+$/)).default(["base", "web"]),
      /** Languages loaded into the template, so that a tenant's can be switched on without a reload. */
      languages: z.array(z.string().regex(/^[a-z]{2,3}(_[A-Z]{2})?$/)).default([]),
    })
    .optional(),
  /** Text of a script of the operator's, run on the tenant's host once Odoo is initialised (operator-script.ts). */
  createTenantScript: z.string().startsWith("#!", "must begin with its #! line").optional(),
  /** Page of suspended tenants; without it their visitors get a bare 503. */
  suspendedPage: SuspendedPage.optional(),
  /**
   * Public key lines that are let in on the hosts beside the public half of sshPrivateKey, while that is exchanged
   * (automation/cli/rotate-ssh.ts).
   */
  sshFormerKeys: z
    .array(
      z
        .string()
        .regex(
          /^(ssh-ed25519|ecdsa-sha2-nistp\d{3}|ssh-rsa) [A-Za-z0-9+/=]+( [\w.@-]+)?$/,
          "must be a public key line",
        ),
    )
    .optional(),
  /**
   * When masterKey had taken the place of another (RFC 3339): first passwords of tenants from before are not derived from
   * it. See automation/cli/rotate-master-key.ts.
   */
  masterKeySince: z.iso.datetime().optional(),
  plans: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,30}$/), PlanSettings),
  /** Secrets. */
  masterKey: z.string().min(32, "must have at least 32 characters; make one with: openssl rand -base64 32"),
  /** What masterKey took the place of, while all that is derived is exchanged (automation/cli/rotate-master-key.ts). */
  formerMasterKey: z.string().min(32).optional(),
  cloudflareApiToken: z.string().regex(/^[0-9A-Za-z_-]{40,80}$/, "must be a Cloudflare API token (40-80 characters)"),
  postgresPassword: z.string().min(1),
  /** OpenSSH private key of the platform's account on all hosts, without a passphrase. */
  sshPrivateKey: z.string().includes("PRIVATE KEY"),
});

export type PlatformSettings = z.infer<typeof PlatformSettings>;
export type HostSettings = z.infer<typeof HostSettings>;
export type SuspendedPage = z.infer<typeof SuspendedPage>;
export type PlanSettings = z.infer<typeof PlanSettings>;

/** Keys of `PlatformSettings` that hold secrets. */
export const PLATFORM_SECRETS = [
  "masterKey",
  "formerMasterKey",
  "cloudflareApiToken",
  "postgresPassword",
  "sshPrivateKey",
] as const;

/** What tenants' own secrets may be derived from: the present key and, while it is exchanged, the former. */
export function masterKeys({
  masterKey,
  formerMasterKey,
}: Pick<PlatformSettings, "masterKey" | "formerMasterKey">): string[] {
  return formerMasterKey === undefined ? [masterKey] : [masterKey, formerMasterKey];
}

/** The public URL of a host name, without a trailing slash. */
export function publicUrl(settings: Pick<PlatformSettings, "publicUrl">, host: string): string {
  return settings.publicUrl.replace("{host}", host);
}
