import { dirname, delimiter, join } from "node:path";
import { compileCache, type Instance, temporaryDirectory } from "../instance.ts";
import { pluginOrigin, pulumiHome } from "./plugins.ts";
import type { Engine } from "./provide.ts";

/** File with the passphrase that the instance's stacks are encrypted with. */
export function passphraseFile(instance: Instance): string {
  return join(instance.directory, "passphrase");
}

/** PostgreSQL's password file (https://www.postgresql.org/docs/current/libpq-pgpass.html) for the state backend. */
export function backendPasswordFile(instance: Instance): string {
  return join(instance.directory, "pgpass");
}

/** What an operator's own shell may hold for other platforms, and the engine, its plugins or the server would heed. */
const FOREIGN =
  /^(PULUMI_|SSH_|PG[A-Z]|CLOUDFLARE_|PROXMOX_VE_|STRIPE_|JWT_|JWKS_|TLS_|DATABASE_URL$|HOST$|PORT$|ROLE$)/;

/**
 * The whole environment for the engine, whoever starts it: the sandbox, the server, or an operator. The backend's
 * password is in a file, since the engine prints its backend's URL.
 */
export function engineEnvironment(instance: Instance, engine: Engine): Record<string, string> {
  const { postgres } = instance.ports;
  const inherited = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)) as [string, string][];
  return {
    ...Object.fromEntries(inherited),
    // Scripts run by this Node, and find this engine, whatever else the machine has.
    PATH: [engine.binDirectory, dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter),
    TMPDIR: temporaryDirectory(instance),
    NODE_COMPILE_CACHE: compileCache(instance),
    PULUMI_HOME: pulumiHome(instance),
    PULUMI_BACKEND_URL: `postgres://pulumi@127.0.0.1:${postgres}/pulumi?sslmode=disable`,
    PGPASSFILE: backendPasswordFile(instance),
    PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile(instance),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // Every command writes an encrypted log; in a sandbox they are of no use after a day.
    PULUMI_LOG_ROTATION_MAX_AGE_DAYS: "1",
    PULUMI_LOG_ROTATION_MAX_TOTAL_MB: "50",
    // State is kept small: the newest checkpoint and the history of updates, no copy of each checkpoint before it.
    PULUMI_DIY_BACKEND_RETAIN_CHECKPOINTS: "false",
    PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
    // More at once wait for ever for connections to the backend (automation/cli/pulumi.ts).
    PULUMI_DIY_BACKEND_PARALLEL: "1",
    // Where plugins cannot be fetched, a missing one is told at once.
    ...(pluginOrigin(instance) === "stand-in" && { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" }),
  };
}
